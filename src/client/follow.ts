/**
 * A subscription that outlives its connections. When the socket is cut or goes silent it connects again, with capped
 * back-off and for ever, and goes on behind the last message that came: nothing twice, nothing missing. When the server
 * no longer has what came since, it says RESYNC_REQUIRED, and the caller gets that message like any other. Where no
 * connection ever stood it gives up: behind a proxy that lets no WebSocket through, commands waited for ever in silence.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'graphql-ws';
import { createBackoff } from '../lib/backoff.ts';
import { createStream, type Stream } from '../lib/stream.ts';
import { CLIENT_CODES, ClopsFault, faultOf, type WireError } from './fault.ts';
import { type Connection, request, type TypedDocument } from './request.ts';

/** Messages held for a reader that is busy. */
const CAPACITY = 10_000;
const KEEP_ALIVE_MS = 10_000;
const PONG_WITHIN_MS = 5_000;
/** An upgrade that a proxy neither refuses nor lets through. */
const OPEN_WITHIN_MS = 10_000;
/** Until a connection has stood for the first time; over ten seconds where each is refused at once. */
const FIRST_TRIES = 6;
/** graphql-transport-ws closes with it when the token is refused. Anything else may pass. */
const FORBIDDEN = 4403;
/** The socket was closed because nobody follows anything any more. */
const NORMAL = 1000;

export interface FollowOptions {
  /** Ends the stream, as `return()` of the iterator does. */
  signal?: AbortSignal;
}

export interface Follower {
  follow<Result, Variables extends object>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    options?: FollowOptions,
  ): AsyncIterableIterator<Result>;
  close(): Promise<void>;
}

/** `connected` is false from the moment a connection is lost until the next one stands. */
export type OnConnection = (connected: boolean) => void;

export function createFollower(connection: Connection, onConnection: OnConnection = () => {}): Follower {
  let socket: Promise<Socket> | undefined;
  const streams = new Set<Stream<never>>();

  return {
    follow<Result, Variables extends object>(
      document: TypedDocument<Result, Variables>,
      variables: Variables,
      { signal }: FollowOptions = {},
    ): AsyncIterableIterator<Result> {
      let unsubscribe = (): void => {};
      let ended = false;
      const stream = createStream<Result>({
        capacity: CAPACITY,
        onEnd: () => {
          ended = true;
          unsubscribe();
          streams.delete(stream as Stream<never>);
          signal?.removeEventListener('abort', stream.end);
        },
      });
      streams.add(stream as Stream<never>);
      signal?.addEventListener('abort', stream.end, { once: true });
      if (signal?.aborted) stream.end();
      socket ??= connect(connection, onConnection, () => streams.size > 0);
      socket.then(
        (ready) => {
          if (ended) return; // Nobody would end what begins now.
          const begin = Object.fromEntries(Object.entries(variables));
          subscribe(ready, document.toString(), begin, stream, (end) => (unsubscribe = end));
        },
        (error: unknown) => stream.fail(error),
      );
      return stream;
    },

    async close() {
      for (const stream of streams) stream.end();
      await (await socket)?.close();
    },
  };
}

/** Begins, and begins anew behind the last cursor when the server ends the stream with a fault that passes. */
function subscribe<Result>(
  { client, neverStood }: Socket,
  query: string,
  variables: Record<string, unknown>,
  stream: Stream<Result>,
  onSubscribed: (unsubscribe: () => void) => void,
): void {
  const backoff = createBackoff({ initialMs: 300, maxMs: 15_000 });
  const again = (): void => {
    const timer = setTimeout(begin, backoff.next());
    onSubscribed(() => clearTimeout(timer));
  };
  const begin = (): void => {
    // graphql-ws sends this very object again after each reconnection: what is written to it moves the place to go on.
    const payload = { query, variables };
    // graphql-ws completes a subscription that is unsubscribed as one that the server ended: only this tells them apart.
    let restarting = false;
    const unsubscribe = client.subscribe<Result>(payload, {
      next({ data, errors }) {
        if (restarting) return;
        if (data) backoff.reset();
        const fault = errors?.[0] && faultOf(errors[0] as WireError);
        if (!data && fault?.retryable) {
          restarting = true;
          unsubscribe();
          again();
        } else if (!data && fault) stream.fail(fault);
        if (!data) return;
        const cursor = cursorIn(data);
        if (!stream.push(data)) stream.fail(slowReader(variables['after']));
        else if (cursor !== undefined) variables['after'] = cursor;
      },
      error(error) {
        const given = neverStood(error);
        if (given) return void given.then(stream.fail, stream.fail);
        const fault = streamFault(error);
        if (fault.retryable) again();
        else stream.fail(fault);
      },
      complete() {
        if (!restarting) stream.end();
      },
    });
    onSubscribed(unsubscribe);
  };
  begin();
}

/** Of the one root field; streams without a past, such as metrics, have none. */
function cursorIn(data: object): string | undefined {
  for (const message of Object.values(data) as unknown[])
    if (typeof message === 'object' && message !== null && 'cursor' in message && typeof message.cursor === 'string')
      return message.cursor;
  return undefined;
}

const slowReader = (after: unknown): ClopsFault =>
  new ClopsFault(
    CLIENT_CODES.SLOW_READER,
    `The reader is ${CAPACITY} messages behind. Go on with after: ${String(after)}.`,
  );

/** What graphql-ws ends a stream with: the server's errors, a close of the socket, an Error of its own. */
function streamFault(error: unknown): ClopsFault {
  const [first] = Array.isArray(error) ? (error as WireError[]) : [];
  if (first) return faultOf(first);
  if (typeof error === 'object' && error !== null && 'code' in error && 'reason' in error) {
    if (isForbidden(error)) return new ClopsFault('UNAUTHENTICATED', 'The API does not accept this token.');
    return new ClopsFault(
      CLIENT_CODES.NOT_THE_API,
      `The stream was closed with ${error.code} ${String(error.reason)}.`,
      { cause: error },
    );
  }
  return new ClopsFault(CLIENT_CODES.NOT_THE_API, `The stream ended: ${String(error)}.`, { cause: error });
}

interface Socket {
  client: Client;
  close(): Promise<void>;
  /** Why streams are given up where no connection has stood; undefined where that is not so. */
  neverStood(error: unknown): Promise<ClopsFault> | undefined;
}

/** One socket for all streams of a client; it closes when the last of them ends. */
async function connect(connection: Connection, onConnection: OnConnection, isWanted: () => boolean): Promise<Socket> {
  const { url, token } = connection;
  const { createClient } = await import('graphql-ws');
  const backoff = createBackoff({ initialMs: 300, maxMs: 15_000 });
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  let unopened: ReturnType<typeof setTimeout> | undefined;
  const closing = new AbortController();
  let hasStood = false;
  let tries = 0;
  const isGivenUp = (): boolean => !hasStood && tries >= FIRST_TRIES;
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    connectionParams: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    connectionAckWaitTimeout: 10_000,
    keepAlive: KEEP_ALIVE_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (error) => !isForbidden(error) && !isGivenUp(),
    retryWait: () => sleep(backoff.next(), undefined, { signal: closing.signal }).catch(() => undefined),
    on: {
      connecting: () => {
        tries++;
        clearTimeout(unopened);
        unopened = setTimeout(() => client.terminate(), OPEN_WITHIN_MS);
      },
      opened: () => clearTimeout(unopened),
      connected: () => {
        hasStood = true;
        backoff.reset();
        onConnection(true);
      },
      error: () => clearTimeout(unopened),
      closed: (event) => {
        clearTimeout(unopened);
        clearTimeout(unanswered);
        const ours = typeof event === 'object' && event !== null && 'code' in event && event.code === NORMAL;
        // Nobody follows anything any more: that the socket goes is no loss, however it goes. Nor is it one that never was.
        if (!ours && hasStood && isWanted()) onConnection(false);
      },
      // A socket whose other end vanished looks open for minutes: no answer to a ping ends it.
      ping: (received) => {
        if (!received) unanswered = setTimeout(() => client.terminate(), PONG_WITHIN_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(unanswered);
      },
    },
  });
  return {
    client,
    async close() {
      closing.abort();
      if (!hasStood) client.terminate();
      // It waits for a connection that is being made, and throws what became of that.
      await Promise.resolve(client.dispose()).catch(() => undefined);
    },
    neverStood: (error) => (isGivenUp() && !isForbidden(error) ? noWebSocket(connection, error) : undefined),
  };
}

const isForbidden = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === FORBIDDEN;

/** Whether it is the API that is not reached, or only its streams. */
async function noWebSocket(connection: Connection, error: unknown): Promise<ClopsFault> {
  try {
    await request(connection, '{ __typename }', {}, { attempts: 1 });
  } catch (fault) {
    if (fault instanceof ClopsFault && fault.code === CLIENT_CODES.UNREACHABLE) return fault;
  }
  return new ClopsFault(
    CLIENT_CODES.NO_WEBSOCKET,
    `${new URL(connection.url).origin} answers over HTTP, and ${FIRST_TRIES} tries of a WebSocket to /graphql failed: does a proxy in between let WebSockets through?`,
    { cause: error },
  );
}
