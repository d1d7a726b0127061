/** Keeps queued steps in IndexedDB; nothing else of the phone is kept there: no picture, no answer of the station. */
import type { QueuedStep, StepStore } from "./queue";

const DATABASE = "minwang-phone";
const TABLE = "steps";

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  });
}

export class IndexedStepStore implements StepStore {
  private opened: Promise<IDBDatabase> | null = null;

  private async table(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    this.opened ??= this.open();
    return (await this.opened).transaction(TABLE, mode).objectStore(TABLE);
  }

  private open(): Promise<IDBDatabase> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id" });
    return done(request);
  }

  async all(): Promise<QueuedStep[]> {
    return done((await this.table("readonly")).getAll() as IDBRequest<QueuedStep[]>);
  }

  async put(step: QueuedStep): Promise<void> {
    // A plain copy: Vue's proxies cannot be stored.
    await done((await this.table("readwrite")).put(JSON.parse(JSON.stringify(step)) as QueuedStep));
  }

  async remove(id: string): Promise<void> {
    await done((await this.table("readwrite")).delete(id));
  }
}
