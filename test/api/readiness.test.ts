/** `/readyz`: what makes an API unready, what only has a line, and that both heal by themselves. */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createHealthServer } from '../../src/api/healthServer.ts';
import { readinessOf } from '../../src/api/readiness.ts';
import { install } from '../../src/controller/install.ts';
import { startRelay } from '../../src/modules/serving/index.ts';
import { missingKinds } from '../../src/platform/cluster/check.ts';
import { migratedBeyond } from '../../src/platform/db/migrate.ts';
import { startCore } from '../local/apiserver/harness.ts';
import { anApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

const ends: (() => Promise<unknown>)[] = [];
const atEnd = <T>(thing: T, end: () => Promise<unknown>): T => {
  ends.unshift(end);
  return thing;
};
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** The answer of a process that started so long ago. */
async function verbose({ services }: TestApi, agoMs: number): Promise<() => Promise<{ status: number; text: string }>> {
  const checks = readinessOf(services, services.clock.monotonic() - agoMs);
  const app = createHealthServer(checks, () => false);
  await app.listen({ port: 0, host: '127.0.0.1' });
  atEnd(app, () => app.close());
  const { port } = app.server.address() as AddressInfo;
  return async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz?verbose`);
    return { status: answer.status, text: await answer.text() };
  };
}

test('one that starts while the cluster is away waits a moment for its caches, and then serves what it can', async () => {
  const t = await anApi();
  atEnd(t, () => t.close());
  const [fresh, older] = [await verbose(t, 0), await verbose(t, 20_000)];
  await eventually(async () => expect((await older()).text).toContain('[+]event-log ok'));
  expect(await fresh()).toMatchObject({ status: 500, text: expect.stringContaining('[-]informers failed') });
  const { status, text } = await older();
  expect(status).toBe(200);
  for (const line of [
    '[!]informers: the cluster caches are not filled yet: Node, Pod, ModelDeployment (serving.clops.dev), ServingRuntime (serving.clops.dev), Gateway (gateway.networking.k8s.io), RolloutCommand (serving.clops.dev) (does not make it unready)',
    '[!]cluster: it does not answer (does not make it unready)',
    '[!]relay: none has met the cluster yet (does not make it unready)',
  ])
    expect(text).toContain(line);
});

test('without custom resources it says which, and goes on when they are installed; a relay is missed when it ends', async () => {
  const core = await startCore();
  atEnd(core, () => core.close());
  const t = await anApi({ cluster: core.cluster });
  atEnd(t, () => t.close());
  const relay = await startRelay(t);
  atEnd(relay, () => relay.close());
  const look = await verbose(t, 20_000);
  await eventually(async () => {
    const { status, text } = await look();
    expect(status).toBe(200);
    expect(text).toMatch(
      /\[!\]custom-resources: the cluster does not know ModelDeployment \(serving\.clops\.dev\), ServingRuntime .*: install the custom resources, it goes on by itself/,
    );
  });
  const read = await t.ask('{ deployments { nodes { name } } gpuNodes { nodes { name } } }');
  expect(read).toEqual({ deployments: { nodes: [] }, gpuNodes: { nodes: [] } });

  expect((await missingKinds(core.cluster)).join()).toMatch(/^ModelDeployment .*,RolloutCommand .*,ServingRuntime /);
  await install(core.cluster, { gateway: true });
  expect(await missingKinds(core.cluster)).toEqual([]);
  await eventually(
    async () => {
      const { text } = await look();
      for (const check of ['informers', 'custom-resources', 'cluster', 'relay', 'event-log-lag'])
        expect(text).toContain(`[+]${check} ok`);
    },
    { withinMs: 25_000 },
  );

  await t.database.db.read({ name: 'age', text: `update clops.cluster set seen_at = now() - interval '5 minutes'` });
  expect((await look()).text).toMatch(/\[!\]relay: not heard for 30\d s: either it does not run, or/);
  await t.database.db.read({ name: 'refuse', text: `update clops.cluster set refused_uid = 'other'` });
  expect((await look()).text).toContain('[!]relay: it met another cluster');
}, 40_000);

test('a check that gets no answer is not waited for, and a database that a newer version changed is named', async () => {
  const t = await anApi();
  atEnd(t, () => t.close());
  const app = createHealthServer(
    [
      { name: 'slow', check: () => new Promise(() => {}), isAdvisory: true },
      { name: 'broken', check: () => Promise.reject(new Error('host=secret')), isAdvisory: true },
      { name: 'migrations', check: () => migratedBeyond(t.database.db, 'drizzle'), isAdvisory: true },
    ],
    () => false,
  );
  atEnd(app, () => app.close());
  const text = async (): Promise<string> => (await app.inject('/readyz?verbose')).body;
  const before = await text();
  expect(before).toContain('[!]slow: not known: no answer in time');
  expect(before).toContain('[!]broken: not known: it cannot be asked');
  expect(before).toContain('[+]migrations ok');
  const newer = `insert into clops.migrations (name, sha256) values ('0099_later.sql', '')`;
  await t.database.db.read({ name: 'newer', text: newer });
  expect(await text()).toContain('[!]migrations: a newer CLOps has changed the database (0099_later.sql)');
});
