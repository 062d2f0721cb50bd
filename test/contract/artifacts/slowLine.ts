/** An HTTP proxy before an object store that keeps requests waiting, for ever if a test wants it, or answers in its place. */
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

interface Reply {
  status: number;
  text?: string;
}

export interface SlowLine {
  url: string;
  /** Method and path of every request that came, in order. */
  readonly seen: string[];
  /** What a request waits for; an answer is given in place of the store's. */
  before: (what: string) => Promise<Reply | undefined> | undefined;
  close(): Promise<void>;
}

export async function aSlowLine(target: string): Promise<SlowLine> {
  const { hostname, port } = new URL(target);
  const forward = (near: IncomingMessage, body: Buffer): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { method, url: path, headers } = near;
      request({ hostname, port, method, path, headers }, resolve).on('error', reject).end(body);
    });
  const server = createServer(async (near, answer) => {
    const what = `${near.method} ${near.url}`;
    line.seen.push(what);
    try {
      const body = await buffer(near);
      const reply = await line.before(what);
      if (reply) return void answer.writeHead(reply.status).end(reply.text);
      const far = await forward(near, body);
      answer.writeHead(far.statusCode ?? 502, far.headers);
      far.pipe(answer);
    } catch {
      answer.destroy(); // Whoever asked has gone, or the store.
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const line: SlowLine = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    before: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return line;
}

/** Holds the first request that is meant, until it is let go. */
export function holdingFirst(line: SlowLine, isMeant: (what: string) => boolean) {
  const reached = Promise.withResolvers<void>();
  const { promise: letGo, resolve } = Promise.withResolvers<undefined>();
  let isHeld = false;
  line.before = (what) => {
    if (isHeld || !isMeant(what)) return undefined;
    isHeld = true;
    reached.resolve();
    return letGo;
  };
  return { reached: reached.promise, letGo: () => resolve(undefined) };
}
