/** `/livez` and `/readyz` as Kubernetes' own answer: plain text, `ok`, and one line per check with `?verbose`. */
import type { FastifyInstance } from 'fastify';
import { Unavailable } from '../lib/problem.ts';

export interface HealthCheck {
  name: string;
  /** Undefined when well, else the reason. One that asks somebody gets a second. */
  check(): string | undefined | Promise<string | undefined>;
  /** Worth a line, but no reason to be sent no requests. */
  isAdvisory?: boolean | (() => boolean);
}

/** The kubelet waits one second by default, and a person not much longer. */
const WITHIN_MS = 700;

export function registerHealth(app: FastifyInstance, checks: readonly HealthCheck[], draining: () => boolean): void {
  const probe = (path: string, list: readonly HealthCheck[]) =>
    app.get<{ Querystring: { verbose?: string } }>(path, async (request, reply) => {
      const all: HealthCheck[] = [
        ...list,
        { name: 'shutdown', check: () => (draining() ? 'process is shutting down' : undefined) },
      ];
      const results = await Promise.all(all.map(look));
      const failed = results.filter(({ reason, advisory }) => reason !== undefined && !advisory);
      const lines = results.map(({ name, reason, advisory }) => {
        if (reason === undefined) return `[+]${name} ok`;
        return advisory ? `[!]${name}: ${reason} (does not make it unready)` : `[-]${name} failed: ${reason}`;
      });
      const what = path.slice(1);
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store');
      if (failed.length > 0) return reply.code(500).send(`${lines.join('\n')}\n${what} check failed\n`);
      return 'verbose' in request.query ? `${lines.join('\n')}\n${what} check passed\n` : 'ok';
    });
  probe('/livez', []);
  probe('/healthz', []);
  probe('/readyz', checks);
}

async function look({ name, check, isAdvisory = false }: HealthCheck) {
  const advisory = typeof isAdvisory === 'function' ? isAdvisory() : isAdvisory;
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, WITHIN_MS, 'not known: no answer in time');
  try {
    return { name, advisory, reason: await Promise.race([check(), late]) };
  } catch (error) {
    return {
      name,
      advisory,
      reason: `not known: ${error instanceof Unavailable ? error.message : 'it cannot be asked'}`,
    };
  } finally {
    clearTimeout(timer);
  }
}
