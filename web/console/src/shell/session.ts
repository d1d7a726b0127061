import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";

import { http, request } from "@/api/client";
import { ApiError } from "@/api/errors";
import type { Me, Permission } from "@/api/schema";
import { forgetAnswers } from "@/shared/forgetting";
import { setStationZone } from "@/shared/time";

import { useEventStore } from "./events";

/** Pages in the order in which one of them is the first that an account sees. */
const HOMES: [Permission, string][] = [
  ["patrol.view", "/today"],
  ["live.view", "/wall"],
  ["camera.view", "/cameras"],
  ["alert.view", "/m/"],
  ["order.own", "/m/orders"],
  ["report.view", "/reports"],
  ["audit.view", "/admin/audit"],
  ["account.manage", "/admin/users"],
];

/** Who is signed in, and what they may do. The server decides again on every request. */
export const useSession = defineStore("session", () => {
  const me = ref<Me | null>(null);
  const permissions = computed(() => new Set<string>(me.value?.permissions ?? []));
  const askingPurpose = ref(false); // the dialog is open
  let answered: ((stated: boolean) => void)[] = [];
  const askingCode = ref(false); // the dialog for a one-time code is open
  let confirmed: ((done: boolean) => void)[] = [];

  watch(me, (now) => now && setStationZone(now.time_zone));

  async function load(): Promise<boolean> {
    if (me.value) return true;
    try {
      me.value = await request(() => http.GET("/api/me"));
      return true;
    } catch (problem) {
      if (problem instanceof ApiError && problem.status === 401) return false;
      throw problem;
    }
  }

  /** Returns what the code has to be sent with, where the account has a second factor; else empty. */
  async function signIn(name: string, password: string): Promise<string> {
    forgetAnswers();
    const answer = await request(() => http.POST("/api/session", { body: { name, password } }));
    if ("pending" in answer) return answer.pending;
    me.value = answer;
    return "";
  }

  async function giveCode(pending: string, code: string): Promise<void> {
    me.value = await request(() => http.POST("/api/session/code", { body: { pending, code } }));
  }

  async function reload(): Promise<void> {
    me.value = await request(() => http.GET("/api/me"));
  }

  async function signOut(): Promise<void> {
    await request(() => http.DELETE("/api/session"));
    forget();
  }

  /** Without telling the station: the session is over. */
  function forget(): void {
    me.value = null;
    forgetAnswers();
    useEventStore().stop();
    answerPurpose(false);
    answerCode(false);
  }

  async function changePassword(present: string, next: string): Promise<void> {
    me.value = await request(() => http.POST("/api/session/password", { body: { present, new: next } }));
  }

  /** Open the dialog for the purpose. Resolves when it is closed, to whether one is stated. */
  function askPurpose(): Promise<boolean> {
    askingPurpose.value = true;
    return new Promise((resolve) => answered.push(resolve));
  }

  /** Whether a purpose is stated, after asking for one: what needed it goes on. */
  const needPurpose = (): Promise<boolean> => (me.value?.purpose ? Promise.resolve(true) : askPurpose());

  /** Whether a purpose is stated; where none is, it is asked for. */
  function hasPurpose(): boolean {
    if (me.value?.purpose) return true;
    askingPurpose.value = true;
    return false;
  }

  async function statePurpose(purpose: string): Promise<void> {
    me.value = await request(() => http.POST("/api/session/purpose", { body: { purpose } }));
  }

  function answerPurpose(stated: boolean): void {
    askingPurpose.value = false;
    for (const resolve of answered) resolve(stated);
    answered = [];
  }

  /** Open the dialog for a one-time code. Resolves when it is closed, to whether one was given. */
  function askCode(): Promise<boolean> {
    askingCode.value = true;
    return new Promise((resolve) => confirmed.push(resolve));
  }

  function answerCode(done: boolean): void {
    askingCode.value = false;
    for (const resolve of confirmed) resolve(done);
    confirmed = [];
  }

  const may = (permission: Permission | (string & {})): boolean => permissions.value.has(permission);

  function home(): string {
    if (me.value?.must_change) return "/password";
    if (me.value?.must_enrol) return "/second-factor";
    return HOMES.find(([permission]) => may(permission))?.[1] ?? "/";
  }

  return { me, askingCode, askCode, answerCode, giveCode, reload, askingPurpose, askPurpose, needPurpose, hasPurpose, answerPurpose, load, signIn, signOut, forget, changePassword, statePurpose, may, home };
});
