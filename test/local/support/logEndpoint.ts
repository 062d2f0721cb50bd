/** Stands in for a node agent's log endpoint: TLS, a client certificate asked for, three paths with known answers. */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Pair } from '../../../src/local/apiserver/pki.ts';

export interface LogEndpoint {
  port: number;
  /** `CN path?query` of each call, in order. */
  asked: string[];
  /** Calls with `follow` that are still open. */
  open(): number;
  close(): Promise<void>;
}

/** `waiting` is not yet started, `web` has two lines and, with follow, one more and no end. */
export async function openLogEndpoint(server: Pair, ca: string): Promise<LogEndpoint> {
  const asked: string[] = [];
  let following = 0;
  const https = createServer({ ...server, ca, requestCert: true, rejectUnauthorized: true }, (req, res) => {
    const { subject } = (req.socket as TLSSocket).getPeerCertificate();
    asked.push(`${subject.CN} ${req.url}`);
    const [path = '', query = ''] = (req.url ?? '').split('?');
    const container = path.split('/').at(-1);
    if (container === 'waiting') {
      res.writeHead(400).end('container "waiting" in pod "web" is waiting to start: ContainerCreating');
      return;
    }
    res.write('one\ntwo\n');
    if (!query.includes('follow=true')) {
      res.end();
      return;
    }
    following += 1;
    res.on('close', () => {
      following -= 1;
    });
    res.write('three\n');
  });
  https.listen(0, '127.0.0.1');
  await once(https, 'listening');
  return {
    port: (https.address() as AddressInfo).port,
    asked,
    open: () => following,
    async close() {
      const closed = once(https, 'close');
      https.close();
      https.closeAllConnections();
      await closed;
    },
  };
}
