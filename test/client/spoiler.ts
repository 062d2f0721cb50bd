/** In front of the API's streams: puts the fault of a database that is away in the place of messages. */
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

export interface Spoiler {
  url: string;
  /** So many of the next messages of streams are replaced. */
  spoil(count: number): void;
  /** How many of them are still to come. */
  left(): number;
  close(): Promise<void>;
}

const FAULT = {
  message: 'The database does not answer.',
  extensions: { code: 'DATABASE_UNAVAILABLE', retryable: true },
};

export async function aSpoiler(target: string): Promise<Spoiler> {
  let left = 0;
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (near, request) => {
    const far = new WebSocket(`${target.replace('http', 'ws')}${request.url}`, near.protocol);
    const isOpen = new Promise((resolve) => far.once('open', resolve));
    near.on('message', (text) => void isOpen.then(() => far.send(String(text))));
    far.on('message', (text) => near.send(left > 0 ? spoiled(String(text)) : String(text)));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.terminate()).on('close', () => other.close());
  });
  const spoiled = (text: string): string => {
    const message = JSON.parse(text) as { type: string };
    if (message.type !== 'next') return text;
    left--;
    return JSON.stringify({ ...message, payload: { data: null, errors: [FAULT] } });
  };
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spoil: (count) => {
      left = count;
    },
    left: () => left,
    async close() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
