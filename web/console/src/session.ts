import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { api, ApiError, type Me } from "./api";

/** Who is signed in, and what they may do. The server decides again on every request. */
export const useSession = defineStore("session", () => {
  const me = ref<Me | null>(null);
  const askingPurpose = ref(false); // the dialog is open
  const permissions = computed(() => new Set(me.value?.permissions ?? []));

  async function load(): Promise<boolean> {
    if (me.value) return true;
    try {
      me.value = await api.get<Me>("/api/me");
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return false;
      throw error;
    }
  }

  async function signIn(name: string, password: string): Promise<void> {
    me.value = await api.post<Me>("/api/session", { name, password });
  }

  async function signOut(): Promise<void> {
    await api.delete("/api/session");
    me.value = null;
  }

  /** Without a word to the station: the session is none any more. */
  function forget(): void {
    me.value = null;
  }

  async function changePassword(present: string, next: string): Promise<void> {
    me.value = await api.post<Me>("/api/session/password", { present, new: next });
  }

  /** Whether a purpose is stated; where none is, it is asked for: once a shift is enough. */
  function hasPurpose(): boolean {
    if (me.value?.purpose) return true;
    askingPurpose.value = true;
    return false;
  }

  async function statePurpose(purpose: string): Promise<void> {
    me.value = await api.post<Me>("/api/session/purpose", { purpose });
  }

  const may = (permission: string): boolean => permissions.value.has(permission);

  function home(): string {
    if (me.value?.must_change) return "/password";
    if (may("camera.view")) return "/live";
    if (may("alert.view")) return "/m";
    if (may("order.own")) return "/contractor";
    if (may("report.view")) return "/reports";
    return may("audit.view") ? "/audit" : "/";
  }

  return { me, askingPurpose, hasPurpose, load, signIn, signOut, forget, changePassword, statePurpose, may, home };
});
