/** In front of the API, over HTTP and WebSocket: puts what a terminal would carry out into every text that it answers. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

/** Clears the screen, in both alphabets of controls, begins a line of its own, and turns the rest around. */
export const HOSTILE = '\u001b[31m\u001b[2J\u009b1A\rspoof\u0007\nforged line\u202e';

/** What is no text but a name of something: a command goes on with it. */
const STRUCTURAL =
  /^(id|cursor|endCursor|startCursor|url|code|__typename|digest|formats?|phase|state|status|kind|role|outcome|allowed|type)$|At$|^at$/;

function spoiled(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return STRUCTURAL.test(key) ? value : `${value}${HOSTILE}`;
  if (Array.isArray(value)) return value.map((one) => spoiled(one, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, spoiled(one, name)]));
}

export async function aHostile(target: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = http.createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const { host: _, connection: __, ...headers } = request.headers as Record<string, string>;
    const answer = await fetch(`${target}${request.url}`, {
      method: request.method ?? 'GET',
      headers,
      ...(body.length > 0 && { body }),
    });
    const text = await answer.text();
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(
      request.url === '/graphql' ? JSON.stringify(spoiled(JSON.parse(text))) : text.replaceAll('\n', ` ${HOSTILE}\n`),
    );
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (near, request) => {
    const far = new WebSocket(`${target.replace('http', 'ws')}${request.url}`, near.protocol);
    const isOpen = new Promise((resolve) => far.once('open', resolve));
    near.on('message', (text) => void isOpen.then(() => far.send(String(text))));
    far.on('message', (text) => {
      const message = JSON.parse(String(text));
      near.send(JSON.stringify('payload' in message ? { ...message, payload: spoiled(message.payload) } : message));
    });
    near.on('error', () => far.terminate()).on('close', () => far.close());
    far.on('error', () => near.terminate()).on('close', () => near.close());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
