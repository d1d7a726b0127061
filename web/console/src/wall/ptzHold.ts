/** A button of the PTZ pad that is held: the move is repeated until it is let go. */

const REPEAT_MS = 700; // the station stops a dome whose button it hears nothing of for a second and a half

export interface Move {
  pan: number;
  tilt: number;
  zoom: number;
}

export class PtzHold {
  // The camera that it turns: another one may be shown before the button is let go.
  private held: { camera: string; repeat: ReturnType<typeof setInterval> } | null = null;

  constructor(
    private readonly move: (camera: string, move: Move) => Promise<unknown>,
    private readonly stop: (camera: string) => Promise<unknown>,
    private readonly failed: (problem: unknown) => void,
  ) {}

  press(camera: string, move: Move): void {
    this.end();
    const push = (): void =>
      void this.move(camera, move).catch((problem: unknown) => {
        this.end(); // a camera that another person controls need not be stopped
        this.failed(problem);
      });
    push();
    this.held = { camera, repeat: setInterval(push, REPEAT_MS) };
  }

  release(): void {
    const camera = this.end();
    if (camera !== null) void this.stop(camera).catch(this.failed);
  }

  private end(): string | null {
    if (this.held === null) return null;
    const { camera, repeat } = this.held;
    clearInterval(repeat);
    this.held = null;
    return camera;
  }
}
