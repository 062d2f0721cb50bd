/**
 * What a subscription resolver returns: an iterator whose `return()` really ends it. An `async function*` that waits for
 * an event would not notice a disconnect and stay for ever; here the disconnect aborts a signal that everything below obeys.
 */
export function abortable<T>(run: (signal: AbortSignal) => AsyncIterable<T>): AsyncIterableIterator<T> {
  const abort = new AbortController();
  const source = run(abort.signal)[Symbol.asyncIterator]();
  const done: IteratorResult<T> = { value: undefined, done: true };
  return {
    async next() {
      if (abort.signal.aborted) return done;
      try {
        const result = await source.next();
        return abort.signal.aborted ? done : result;
      } catch (error) {
        if (abort.signal.aborted) return done;
        throw error;
      }
    },
    async return() {
      abort.abort();
      // Not awaited: a generator's return() waits for its pending next(), which the signal is about to end.
      void source.return?.()?.then(undefined, () => {});
      return done;
    },
    async throw(error) {
      abort.abort();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
