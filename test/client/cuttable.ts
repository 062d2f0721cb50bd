/** A TCP proxy whose connections can be cut: what a Wi-Fi, a load balancer or a restart does to a client. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Cuttable {
  url: string;
  /** Connections taken so far. */
  taken(): number;
  /** Cuts every open connection. */
  cut(): void;
  /** While false, new connections are cut at once. */
  accepts: boolean;
  /** Called with every piece that the server sends; when it answers true the connection is cut instead. */
  onAnswer: (piece: Buffer) => boolean;
  /** The same for every piece that the client sends. */
  onRequest: (piece: Buffer) => boolean;
  close(): Promise<void>;
}

export async function aCuttable(target: string): Promise<Cuttable> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer((near) => {
    count++;
    if (!proxy.accepts) return void near.resetAndDestroy();
    const far = connect(Number(port), hostname);
    const end = (): void => {
      near.resetAndDestroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', end).on('close', () => {
        open.delete(socket);
        end();
      });
    }
    far.on('data', (piece) => (proxy.onAnswer(piece) ? end() : near.write(piece)));
    near.on('data', (piece) => (proxy.onRequest(piece) ? end() : far.write(piece)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: Cuttable = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => count,
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    accepts: true,
    onAnswer: () => false,
    onRequest: () => false,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
