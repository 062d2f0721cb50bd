/**
 * A proxy in front of a Kubernetes API that misbehaves on demand: answers in its place, cuts connections, holds answers
 * back, puts garbage into streams. Neither the API server nor its client knows of it.
 */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

interface Rule {
  /** Which requests it is for. */
  match: (request: { method: string; url: string }) => boolean;
  /** How many of them; then the rule is over. */
  times: number;
  /** Answer in place of the server. */
  answer?: { status: number; body: object; headers?: Record<string, string> };
  /** Cut the connection before an answer. */
  reset?: boolean;
  /** Pass the request on only after so many milliseconds. */
  delayMs?: number;
  /** Take the request and never answer. */
  silent?: boolean;
  /** Pass the request on, then write this into the answer's stream, and end it if asked. */
  inject?: { text: string; ending: 'end' | 'reset' };
}

export interface FaultProxy {
  url: string;
  rules: Rule[];
  /** Every request that came, in order. */
  seen: { method: string; url: string }[];
  /** Connections that are open now. */
  open(): number;
  /** Cuts every open connection. */
  cut(): void;
  close(): Promise<void>;
}

export async function startFaultProxy(target: { url: string; tls: https.AgentOptions }): Promise<FaultProxy> {
  const agent = new https.Agent({ ...target.tls, keepAlive: false });
  const rules: Rule[] = [];
  const seen: FaultProxy['seen'] = [];
  const server = http.createServer((request, response) => {
    const asked = { method: request.method ?? '', url: request.url ?? '' };
    seen.push(asked);
    const rule = rules.find(({ match, times }) => times > 0 && match(asked));
    if (rule) rule.times--;
    if (rule?.reset) return void request.socket.resetAndDestroy();
    if (rule?.silent) return;
    if (rule?.answer) {
      const { status, body, headers = {} } = rule.answer;
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
      return;
    }
    if (rule?.delayMs) {
      setTimeout(() => forward(asked, rule, request, response), rule.delayMs);
      return;
    }
    forward(asked, rule, request, response);
  });

  function forward(
    asked: { method: string; url: string },
    rule: Rule | undefined,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): void {
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const upstream = https.request(
      new URL(asked.url, target.url),
      { method: asked.method, headers, agent },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.on('error', () => response.destroy());
        if (!rule?.inject) return void answer.pipe(response);
        const { text, ending } = rule.inject;
        response.write(text, () => {
          if (ending === 'end') response.end();
          else request.socket.resetAndDestroy();
          answer.destroy();
        });
      },
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<import('node:net').Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rules,
    seen,
    open: () => sockets.size,
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}
