/** The one time that all cameras of a playback show: wall-clock milliseconds that go on at a speed. */
export class MasterClock {
  private base = 0;
  private since = performance.now();
  private running = false;
  private rate = 1;

  get now(): number {
    return this.running ? this.base + (performance.now() - this.since) * this.rate : this.base;
  }

  get playing(): boolean {
    return this.running;
  }

  get speed(): number {
    return this.rate;
  }

  set speed(rate: number) {
    this.set(this.now);
    this.rate = rate;
  }

  set(moment: number): void {
    this.base = moment;
    this.since = performance.now();
  }

  play(): void {
    this.set(this.now);
    this.running = true;
  }

  pause(): void {
    this.set(this.now);
    this.running = false;
  }
}
