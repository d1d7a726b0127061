/** Requests of components: reading (`useFetch`) and acting (`useAction`), with one way in which failures are shown. */
import { QueryClient, useMutation, useQuery, type QueryKey } from "@tanstack/vue-query";
import { computed, type MaybeRefOrGetter, type Ref, toValue } from "vue";

import { onForget } from "@/shared/forgetting";
import { showError } from "@/shared/messages";

import { ApiError } from "./errors";

const RETRIES = 4; // of reading, while the station does not answer: 0.5, 1, 2, 4 s
const STALE_MS = 5_000;

const worthAgain = (problem: unknown): boolean => problem instanceof ApiError && (problem.status === 0 || problem.status >= 502);

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: STALE_MS,
      retry: (count, problem) => worthAgain(problem) && count < RETRIES,
      retryDelay: (count) => Math.min(500 * 2 ** count, 5_000),
      refetchOnWindowFocus: false,
      networkMode: "always", // the station is on the local network, whatever the browser thinks of the internet
    },
    mutations: { retry: false, networkMode: "always" },
  },
});

onForget(() => queries.clear());

export interface FetchOptions {
  enabled?: MaybeRefOrGetter<boolean>;
  /** Milliseconds between repetitions; without it, only events make it stale. */
  every?: number;
  /** Keep the previous answer on the page while another key is fetched. */
  keep?: boolean;
}

/** Read something and keep it. `key` names it, with everything it depends on; `problem` is shown by `LoadState`. */
export function useFetch<T>(key: MaybeRefOrGetter<QueryKey>, send: (signal: AbortSignal) => Promise<T>, options: FetchOptions = {}) {
  const query = useQuery<T>({
    queryKey: computed(() => toValue(key)),
    queryFn: ({ signal }) => send(signal),
    enabled: computed(() => toValue(options.enabled ?? true)),
    refetchInterval: options.every ?? false,
    ...(options.keep ? { placeholderData: (previous: T | undefined) => previous as never } : {}),
  });
  return {
    data: query.data as Ref<T | undefined>,
    problem: query.error as Ref<Error | null>,
    loading: query.isFetching as Ref<boolean>,
    reload: async (): Promise<void> => void (await query.refetch()),
  };
}

/** Mark what was read under the beginning of a key as stale; what a page shows of it is read again. */
export const refresh = (...key: string[]): void => void queries.invalidateQueries({ queryKey: key });

/**
 * Do something. `run` resolves to true if it was done; a failure is shown, and the caller keeps what was typed.
 * `refreshes`: keys that are read again afterwards.
 */
export function useAction<A extends unknown[], T>(send: (...given: A) => Promise<T>, options: { refreshes?: string[][]; done?: (result: T) => void } = {}) {
  const mutation = useMutation<T, Error, A>({ mutationFn: (given: A) => send(...given) });
  async function run(...given: A): Promise<boolean> {
    try {
      const result = await mutation.mutateAsync(given);
      for (const key of options.refreshes ?? []) refresh(...key);
      options.done?.(result);
      return true;
    } catch (problem) {
      showError(problem);
      return false;
    }
  }
  return { run, busy: mutation.isPending as Ref<boolean> };
}
