/** One at a time for each digest: a second writer waits, and then finds the work done or goes on from it. */
export interface Turns {
  take<T>(digest: string, act: () => Promise<T>): Promise<T>;
  /** Somebody has a turn just now. */
  isTaken(digest: string): boolean;
}

export function createTurns(): Turns {
  const busy = new Map<string, Promise<unknown>>();
  return {
    async take(digest, act) {
      while (busy.has(digest)) await busy.get(digest)?.catch(() => {});
      const work = act();
      busy.set(digest, work);
      try {
        return await work;
      } finally {
        busy.delete(digest);
      }
    },
    isTaken: (digest) => busy.has(digest),
  };
}
