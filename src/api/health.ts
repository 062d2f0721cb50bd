/** `/livez` and `/readyz` as Kubernetes' own answer: plain text, `ok`, and one line per check with `?verbose`. */
import type { FastifyInstance } from 'fastify';

export interface HealthCheck {
  name: string;
  /** Undefined when well, else the reason. Must answer fast and never throw. */
  check(): string | undefined;
}

export function registerHealth(app: FastifyInstance, checks: readonly HealthCheck[], draining: () => boolean): void {
  const probe = (path: string, list: readonly HealthCheck[]) =>
    app.get<{ Querystring: { verbose?: string } }>(path, async (request, reply) => {
      const all: HealthCheck[] = [
        ...list,
        { name: 'shutdown', check: () => (draining() ? 'process is shutting down' : undefined) },
      ];
      const results = all.map(({ name, check }) => ({ name, reason: check() }));
      const failed = results.filter(({ reason }) => reason !== undefined);
      const lines = results.map(({ name, reason }) =>
        reason === undefined ? `[+]${name} ok` : `[-]${name} failed: ${reason}`,
      );
      const what = path.slice(1);
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store');
      if (failed.length > 0) return reply.code(500).send(`${lines.join('\n')}\n${what} check failed\n`);
      return 'verbose' in request.query ? `${lines.join('\n')}\n${what} check passed\n` : 'ok';
    });
  probe('/livez', []);
  probe('/healthz', []);
  probe('/readyz', checks);
}
