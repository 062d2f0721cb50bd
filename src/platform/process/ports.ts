/** May these addresses be listened on? Asked before anything is started, so that a taken port costs nobody a minute. */
import { createServer } from 'node:net';

export interface WantedPort {
  port: number;
  bind: string;
  /** What it is for: "the API". */
  purpose: string;
  /** The variable that sets it. */
  setting: string;
}

/** One sentence per port that cannot be had. Port 0 always can. */
export async function refusedPorts(wanted: readonly WantedPort[]): Promise<string[]> {
  const answers = await Promise.all(wanted.map(async (one) => ({ one, code: await tryToListen(one) })));
  const twice = wanted.filter((one, i) => one.port !== 0 && wanted.findIndex((other) => other.port === one.port) < i);
  return [
    ...twice.map((one) => `${one.setting} is ${one.port}, which another setting names as well: choose another port.`),
    ...answers.flatMap(({ one, code }) => (code === undefined ? [] : [sentence(one, code)])),
  ];
}

function sentence({ port, bind, purpose, setting }: WantedPort, code: string): string {
  if (code === 'EADDRINUSE') {
    return `Port ${port} for ${purpose} is in use by another program: stop that one, or choose another port with ${setting}.`;
  }
  if (code === 'EACCES') {
    return `Port ${port} for ${purpose} may not be used by this user: choose one above 1023 with ${setting}.`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${bind} is no address of this machine: set CLOPS_BIND to one that is.`;
  }
  return `Port ${port} for ${purpose} cannot be used (${code}): choose another with ${setting}.`;
}

async function tryToListen({ port, bind }: WantedPort): Promise<string | undefined> {
  if (port === 0) return undefined;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host: bind, exclusive: true }, resolve);
    });
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
}

/** A port that was free a moment ago. Somebody may be quicker: who binds it must be ready to ask again. */
export async function freePort(bind = '127.0.0.1'): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: bind }, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
