/** A frozen picture over a video that goes on playing. */
import { ref, type Ref } from "vue";

export function useFreeze(canvas: Ref<HTMLCanvasElement | null>) {
  /** The moment that the frozen picture shows, ms; null: nothing is frozen. */
  const frozenAt = ref<number | null>(null);

  function freeze(source: HTMLVideoElement | HTMLImageElement | null, moment: number): void {
    const [width, height] = source instanceof HTMLVideoElement ? [source.videoWidth, source.videoHeight] : [source?.naturalWidth ?? 0, source?.naturalHeight ?? 0];
    if (!canvas.value || !source || width === 0) return;
    canvas.value.width = width;
    canvas.value.height = height;
    canvas.value.getContext("2d")?.drawImage(source, 0, 0);
    frozenAt.value = moment;
  }

  const melt = (): void => void (frozenAt.value = null);
  return { frozenAt, freeze, melt };
}
