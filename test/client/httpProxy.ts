/** An HTTP proxy as companies have them: requests pass; an upgrade to WebSocket is refused, or let through late. */
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';

export interface HttpProxy {
  url: string;
  /** Upgrades that were asked for. */
  upgrades(): number;
  close(): Promise<void>;
}

/** `before`: what happens before an upgrade is let through; without it none is. */
export async function anHttpProxy(target: string, before?: () => Promise<unknown>): Promise<HttpProxy> {
  let count = 0;
  const upgraded = new Set<Duplex>();
  const server = http.createServer((near, answer) => {
    const far = http.request(
      new URL(near.url ?? '', target),
      { method: near.method, headers: near.headers },
      (from) => {
        answer.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(answer);
      },
    );
    far.on('error', () => answer.destroy());
    near.pipe(far);
  });
  server.on('upgrade', async ({ url, rawHeaders }, near, head) => {
    count++;
    if (!before) return void near.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    upgraded.add(near);
    near.on('error', () => near.destroy());
    await before();
    const far = connect(Number(new URL(target).port), new URL(target).hostname);
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    const headers = rawHeaders.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
    far.write(`GET ${url} HTTP/1.1\r\n${headers}\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upgrades: () => count,
    async close() {
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
