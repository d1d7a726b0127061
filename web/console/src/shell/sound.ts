/** The sound of a waiting alert: two tones, made here and loaded from nowhere. */

const TONES = [880, 660]; // Hz
const TONE_S = 0.18;

let context: AudioContext | null = null;

/** Play it once. Does nothing while the browser allows no sound, which it does after the first click on the page. */
export async function ring(): Promise<void> {
  context ??= new AudioContext();
  await context.resume();
  TONES.forEach((frequency, i) => {
    const tone = new OscillatorNode(context!, { type: "triangle", frequency });
    const volume = new GainNode(context!, { gain: 0 });
    const start = context!.currentTime + i * TONE_S;
    volume.gain.setValueAtTime(0.25, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + TONE_S);
    tone.connect(volume).connect(context!.destination);
    tone.start(start);
    tone.stop(start + TONE_S);
  });
}
