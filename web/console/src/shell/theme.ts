import { ref } from "vue";

export type Theme = "dark" | "light";
const STORED = "theme";

export const theme = ref<Theme>(localStorage.getItem(STORED) === "light" ? "light" : "dark");

export function setTheme(chosen: Theme): void {
  theme.value = chosen;
  localStorage.setItem(STORED, chosen);
  document.documentElement.className = chosen;
}
