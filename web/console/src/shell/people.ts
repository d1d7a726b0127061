/** Names of persons: rows name accounts, pages show who that is. */
import { defineStore } from "pinia";
import { shallowRef } from "vue";

import { http, request } from "@/api/client";

export const usePeople = defineStore("people", () => {
  const names = shallowRef(new Map<string, string>());

  /** Without names the pages show accounts, so a failure is not told. */
  async function load(): Promise<void> {
    const people = await request(() => http.GET("/api/people")).catch(() => []);
    names.value = new Map(people.map((p) => [p.name, p.display_name]));
  }

  /** The name of an account's person; the account itself where nobody knows the name. */
  const nameOf = (account: string | null | undefined): string => names.value.get(account ?? "") || account || "";

  return { load, nameOf };
});
