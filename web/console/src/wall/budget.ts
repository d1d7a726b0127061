/** How many cells this computer can show as video; the others show a picture a second. */

export interface Played {
  /** Pictures decoded since the cell began, and how many of them came too late to be shown. */
  total: number;
  dropped: number;
}

const MAX_DROPPED = 0.25; // share of pictures; a wall that stutters is worse than one with fewer moving cells
const MIN_PICTURES = 30; // of all cells in a sample, fewer say nothing
const SAMPLES = 3; // in a row
const KEPT = 0.75; // share of the cells that go on as video

/** Measured without a GPU: 25 sub-streams of 640×360 take 0.7 of a core (PRODUCT 4.3), of which other work needs the rest. */
export const cellsFor = (cores: number): number => (cores >= 4 ? 25 : cores >= 2 ? 16 : 9);

export class VideoBudget {
  limit: number;
  private readonly before = new Map<number, Played>();
  private bad = 0;

  constructor(private readonly most: number) {
    this.limit = most;
  }

  /** What the cells with video played up to now, by cell. Returns whether fewer may go on from here. */
  sample(cells: ReadonlyMap<number, Played>): boolean {
    let total = 0;
    let dropped = 0;
    for (const [cell, now] of cells) {
      const last = this.before.get(cell);
      if (last && now.total >= last.total) {
        total += now.total - last.total;
        dropped += now.dropped - last.dropped;
      }
    }
    this.before.clear();
    for (const [cell, now] of cells) this.before.set(cell, now);
    this.bad = total >= MIN_PICTURES && dropped / total > MAX_DROPPED ? this.bad + 1 : 0;
    if (this.bad < SAMPLES || cells.size <= 1) return false;
    this.bad = 0;
    this.limit = Math.max(1, Math.floor(cells.size * KEPT));
    return true;
  }

  /** Try all of them again. */
  reset(): void {
    this.limit = this.most;
    this.bad = 0;
    this.before.clear();
  }
}
