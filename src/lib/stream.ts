/**
 * Pushed values as an async iterator, by hand and not as `async function*`: a generator that waits for an event cannot
 * be ended from outside, so a disconnected subscriber would leak it for ever. Here `return()` wakes a pending `next()`.
 */
export interface Stream<T> extends AsyncIterableIterator<T>, AsyncDisposable {
  /** Gives a value to the reader. False when the stream has ended or its buffer is full. */
  push(value: T): boolean;
  /** Ends the stream after what is buffered. */
  end(): void;
  /** Ends the stream with an error after what is buffered. */
  fail(error: unknown): void;
  readonly size: number;
}

export interface StreamOptions {
  /** Values held for a slow reader. For `queue` a further one is refused; for `latest` only the newest is kept. */
  capacity?: number;
  mode?: 'queue' | 'latest';
  /** Called once, whoever ended it. */
  onEnd?: () => void;
}

export function createStream<T>(options: StreamOptions = {}): Stream<T> {
  const { capacity = 1000, mode = 'queue', onEnd } = options;
  const buffer: T[] = [];
  const waiting: { resolve: (result: IteratorResult<T>) => void; reject: (error: unknown) => void }[] = [];
  let ended = false;
  let failure: { error: unknown } | undefined;

  function finish(): void {
    if (ended) return;
    ended = true;
    for (const reader of waiting.splice(0)) {
      if (failure) reader.reject(failure.error);
      else reader.resolve({ value: undefined, done: true });
    }
    onEnd?.();
  }

  return {
    push(value) {
      if (ended) return false;
      const reader = waiting.shift();
      if (reader) {
        reader.resolve({ value, done: false });
        return true;
      }
      if (mode === 'latest') buffer.length = 0;
      else if (buffer.length >= capacity) return false;
      buffer.push(value);
      return true;
    },
    end: finish,
    fail(error) {
      if (!ended) failure = { error };
      finish();
    },
    get size() {
      return buffer.length;
    },
    async next() {
      if (buffer.length > 0) return { value: buffer.shift() as T, done: false };
      if (failure) {
        const { error } = failure;
        failure = undefined;
        throw error;
      }
      if (ended) return { value: undefined, done: true };
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    async return() {
      buffer.length = 0;
      failure = undefined;
      finish();
      return { value: undefined, done: true };
    },
    async throw(error) {
      buffer.length = 0;
      finish();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return?.();
    },
  };
}
