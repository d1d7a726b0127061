/** The wall's state: it lies in the page's address, and the last one comes back when the page is opened without any. */
import { computed, ref, watch } from "vue";
import { useRoute } from "vue-router";

import { useQueryText } from "@/shared/pageState";

import { type CellContent, NOTHING, nextEmpty, readCells, swapped, withCell, writeCells } from "./cells";
import { LAYOUTS, layoutNamed, type LayoutName } from "./layouts";

const LAST = "wall.last";

export function useWall() {
  const route = useRoute();
  const layoutText = useQueryText("layout");
  const cellsText = useQueryText("cells");
  const selected = ref(0);
  /** The cell that fills the screen. */
  const big = ref<number | null>(null);

  const layout = computed<LayoutName>({ get: () => layoutNamed(layoutText.value), set: (name) => (layoutText.value = name) });
  const shape = computed(() => LAYOUTS[layout.value]);
  const cells = computed(() => readCells(cellsText.value));
  /** What the cells in sight show, written as in the address: texts, so that a cell changes only when its own does. */
  const contents = computed<CellContent[]>(() => Array.from({ length: shape.value.cells }, (_, i) => cells.value[i] ?? NOTHING));

  const write = (next: readonly CellContent[]): void => void (cellsText.value = writeCells(next));
  const put = (index: number, content: CellContent): void => write(withCell(cells.value, index, content));
  const swap = (a: number, b: number): void => write(swapped(cells.value, a, b));

  function select(index: number): void {
    if (index < 0 || index >= shape.value.cells) return;
    selected.value = index;
    if (big.value !== null) big.value = index;
  }

  /** A camera from the tree: into the selected cell, or `beside` it into the next empty one. */
  function add(camera: string, beside: boolean): void {
    if (beside) {
      const free = nextEmpty(contents.value, shape.value.cells, selected.value);
      if (free >= 0) selected.value = free;
    }
    put(selected.value, { show: "camera", camera });
  }

  function show(name: LayoutName, next: readonly CellContent[]): void {
    layout.value = name;
    write(next);
    selected.value = 0;
    big.value = null;
  }

  watch(layout, () => {
    big.value = null;
    if (selected.value >= shape.value.cells) selected.value = 0;
  });
  watch([layoutText, cellsText], ([name, text]) => (name || text) && localStorage.setItem(LAST, JSON.stringify([name, text])));

  /** As it was when one last left it. */
  function restore(): void {
    if (route.query.layout !== undefined || route.query.cells !== undefined || route.query.view !== undefined) return;
    try {
      const [name, text] = JSON.parse(localStorage.getItem(LAST) ?? "[]") as unknown[];
      if (typeof name === "string") layoutText.value = name;
      if (typeof text === "string") cellsText.value = text;
    } catch {
      localStorage.removeItem(LAST);
    }
  }

  return { layout, shape, cells, contents, selected, big, put, swap, select, add, show, restore };
}
