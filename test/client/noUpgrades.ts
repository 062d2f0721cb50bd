/** An HTTP proxy that knows no WebSockets, as some companies have: requests pass, an upgrade is refused. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface NoUpgrades {
  url: string;
  /** Upgrades that were asked for. */
  upgrades(): number;
  close(): Promise<void>;
}

export async function noUpgrades(target: string): Promise<NoUpgrades> {
  let count = 0;
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
  server.on('upgrade', (_request, socket) => {
    count++;
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upgrades: () => count,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
