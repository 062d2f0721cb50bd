/**
 * The one line before the model: first come, first served, of bounded length. Whoever leaves (an aborted client) frees the
 * place at once. Knows nothing about requests.
 */
export interface Queue {
  /** False when the line is full. `work` is started when it is its turn. */
  enter(work: () => Promise<void>): Ticket | undefined;
  /** How many wait, without those being worked on. */
  depth(): number;
  /** Resolves when nobody waits and nothing is being worked on. */
  idle(): Promise<void>;
}

export interface Ticket {
  /** Leaves the line. False when its turn has already come. */
  leave(): boolean;
}

export function createQueue(options: { capacity: number; lanes: () => number }): Queue {
  const { capacity, lanes } = options;
  // A set keeps the order of entry and forgets a member in constant time.
  const waiting = new Set<{ work: () => Promise<void> }>();
  let active = 0;
  let wake: (() => void)[] = [];

  async function run(work: () => Promise<void>): Promise<void> {
    active++;
    try {
      await work();
    } finally {
      active--;
      next();
    }
  }

  function next(): void {
    while (active < lanes()) {
      const entry = waiting.values().next().value;
      if (!entry) break;
      waiting.delete(entry);
      void run(entry.work);
    }
    if (active === 0 && waiting.size === 0) {
      for (const resolve of wake) resolve();
      wake = [];
    }
  }

  return {
    enter(work) {
      if (active < lanes() && waiting.size === 0) {
        void run(work);
        return { leave: () => false };
      }
      if (waiting.size >= capacity) return undefined;
      const entry = { work };
      waiting.add(entry);
      return { leave: () => waiting.delete(entry) };
    },
    depth: () => waiting.size,
    idle: () => (active === 0 && waiting.size === 0 ? Promise.resolve() : new Promise((resolve) => wake.push(resolve))),
  };
}
