/** `/livez` and `/readyz` as Kubernetes' own answer: plain text, `ok`, and one line per check with `?verbose`. */
import type { FastifyInstance } from 'fastify';

export interface HealthCheck {
  name: string;
  /** Undefined when well, else the reason. Must answer fast and never throw. */
  check(): string | undefined;
  /** Worth a line, but no reason to be sent no requests. */
  isAdvisory?: boolean;
}

export function registerHealth(app: FastifyInstance, checks: readonly HealthCheck[], draining: () => boolean): void {
  const probe = (path: string, list: readonly HealthCheck[]) =>
    app.get<{ Querystring: { verbose?: string } }>(path, async (request, reply) => {
      const all: HealthCheck[] = [
        ...list,
        { name: 'shutdown', check: () => (draining() ? 'process is shutting down' : undefined) },
      ];
      const results = all.map(({ name, check, isAdvisory = false }) => ({ name, reason: check(), isAdvisory }));
      const failed = results.filter(({ reason, isAdvisory }) => reason !== undefined && !isAdvisory);
      const lines = results.map(({ name, reason, isAdvisory }) => {
        if (reason === undefined) return `[+]${name} ok`;
        return isAdvisory ? `[!]${name}: ${reason} (does not make it unready)` : `[-]${name} failed: ${reason}`;
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
