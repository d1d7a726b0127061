/** Digital zoom of a cell by wheel and drag. */
import { computed, type Ref, ref } from "vue";

import { panned, transformOf, type View, WHOLE, zoomedAt } from "./zoom";

const WHEEL_FACTOR = 1.25;

export function useZoom(cell: Ref<HTMLElement | null>) {
  const view = ref<View>(WHOLE);
  const transform = computed(() => transformOf(view.value));
  const whole = (): void => void (view.value = WHOLE);

  function onWheel(event: WheelEvent): void {
    event.preventDefault();
    const box = cell.value!.getBoundingClientRect();
    const factor = event.deltaY < 0 ? WHEEL_FACTOR : 1 / WHEEL_FACTOR;
    view.value = zoomedAt(view.value, factor, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  /** A press on the picture: it follows the pointer until that is let go. */
  function onPointer(event: PointerEvent): void {
    if (view.value.scale === 1 || event.button !== 0) return;
    const target = event.currentTarget as HTMLElement;
    const box = cell.value!.getBoundingClientRect();
    let [x, y] = [event.clientX, event.clientY];
    target.setPointerCapture(event.pointerId);
    target.onpointermove = (moved) => {
      view.value = panned(view.value, (moved.clientX - x) / box.width, (moved.clientY - y) / box.height);
      [x, y] = [moved.clientX, moved.clientY];
    };
    target.onpointerup = target.onpointercancel = () => (target.onpointermove = null);
  }

  return { view, transform, whole, onWheel, onPointer };
}
