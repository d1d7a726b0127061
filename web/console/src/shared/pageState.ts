/** What a page shows lies in its address, so that reload and links restore it. */
import { type Ref, customRef } from "vue";
import { useRoute, useRouter } from "vue-router";

type Written = Record<string, string | undefined>;
let pending: Written | null = null; // changes of the same moment are one navigation

/** A text in the address's query; `otherwise` is not written there. */
export function useQueryText(name: string, otherwise = ""): Ref<string> {
  return useQueryValue(name, (text) => text ?? otherwise, (value) => (value === otherwise ? undefined : value));
}

/** A list in the address's query, written with commas. */
export function useQueryList(name: string): Ref<string[]> {
  let last: { text: string; list: string[] } = { text: "", list: [] };
  return useQueryValue(
    name,
    (text) => {
      if ((text ?? "") !== last.text) last = { text: text ?? "", list: (text ?? "").split(",").filter(Boolean) };
      return last.list;
    },
    (list) => (list.length ? list.join(",") : undefined),
  );
}

/** A value in the address's query. `read` must bear any text: people change addresses. */
export function useQueryValue<T>(name: string, read: (text: string | undefined) => T, write: (value: T) => string | undefined): Ref<T> {
  const route = useRoute();
  const router = useRouter();
  const page = route.path;
  return customRef(() => ({
    get: () => {
      const found = pending && name in pending ? pending[name] : route.query[name];
      return read(Array.isArray(found) ? (found[0] ?? undefined) : (found ?? undefined));
    },
    set: (value) => {
      if (route.path !== page) return; // the page is being left
      // What changes nothing must not navigate: that would cancel a navigation to another page which has begun.
      if (!(pending && name in pending) && write(value) === (route.query[name] ?? undefined)) return;
      if (!pending) {
        pending = {};
        queueMicrotask(() => {
          const query = { ...route.query, ...pending };
          pending = null;
          void router.replace({ query, hash: route.hash });
        });
      }
      pending[name] = write(value);
    },
  }));
}
