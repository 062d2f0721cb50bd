import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createStore, type Store } from '../../../src/local/apiserver/store.ts';
import { eventually } from '../../support/eventually.ts';

let dataDir: string;
let store: Store;
const open = (): Store => createStore({ dataDir, clock: systemClock, log: silentLog });
const anObject = (name: string, value: unknown = 1) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n', uid: `uid-${name}` },
  value,
});

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clops-store-'));
  store = open();
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function reopen(): Promise<void> {
  await store.close();
  store = open();
}
const files = () => readdir(join(dataDir, 'cluster'));

describe('store', () => {
  it('is the same after a restart: objects, revision and the events a watch needs', async () => {
    store.put('configmaps', anObject('a'));
    store.put('configmaps', anObject('b'));
    const { revision } = store;
    store.remove('configmaps', store.put('configmaps', anObject('a', 2)));
    const before = store.list('configmaps');
    await reopen();
    expect(store.revision).toBe(revision + 2);
    expect(store.list('configmaps')).toEqual(before);
    expect(store.since('configmaps', revision)?.map(({ type }) => type)).toEqual(['MODIFIED', 'DELETED']);
    expect(store.byUid('uid-b')?.object.metadata.name).toBe('b');
    expect(store.byUid('uid-a')).toBeUndefined();
  });

  it('drops a torn last record and goes on after it', async () => {
    store.put('configmaps', anObject('a'));
    await store.close();
    const [journal = ''] = await files();
    await appendFile(join(dataDir, 'cluster', journal), '{"r":2,"s":"configmaps","o":{"apiVersion":"v1","ki');
    store = open();
    expect(store.list('configmaps')).toHaveLength(1);
    store.put('configmaps', anObject('b'));
    await reopen();
    expect(store.list('configmaps').map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });

  it('compacts, and is the same afterwards', async () => {
    const text = 'x'.repeat(100_000);
    for (let i = 0; i < 100; i++) store.put('configmaps', anObject(`o${i % 10}`, `${i}${text}`));
    store.put('configmaps', anObject('last'));
    await eventually(async () => expect(await files()).toContain('snapshot.jsonl'));
    const before = store.list('configmaps');
    const { revision } = store;
    await reopen();
    expect((await files()).filter((name) => name.startsWith('journal'))).toHaveLength(1);
    expect(store.revision).toBe(revision);
    expect(store.list('configmaps')).toEqual(before);
    expect(store.since('configmaps', 1)).toBeUndefined();
  });

  it('what is stored cannot be changed by who reads it', () => {
    const stored = store.put('configmaps', anObject('a'));
    expect(() => {
      stored.metadata.name = 'b';
    }).toThrow(TypeError);
  });

  it('loses nothing that was answered when the process is killed', async () => {
    await store.close();
    const script = `
      import { createStore } from ${JSON.stringify(join(process.cwd(), 'src/local/apiserver/store.ts'))};
      import { systemClock } from ${JSON.stringify(join(process.cwd(), 'src/lib/clock.ts'))};
      import { silentLog } from ${JSON.stringify(join(process.cwd(), 'src/lib/log.ts'))};
      const store = createStore({ dataDir: ${JSON.stringify(dataDir)}, clock: systemClock, log: silentLog });
      for (let i = 0; ; i++) {
        store.put('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'o' + (i % 50), namespace: 'n' }, i });
        if (i % 20 === 0) await new Promise((resolve) => process.stdout.write(i + '\\n', resolve));
      }`;
    const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    let answered = -1;
    if (child.stdout)
      for await (const line of createInterface({ input: child.stdout })) {
        answered = Number(line);
        if (answered >= 500) child.kill('SIGKILL');
      }
    await exited;
    store = open();
    expect(answered).toBeGreaterThanOrEqual(500);
    expect(store.revision).toBeGreaterThan(answered);
    expect(store.list('configmaps')).toHaveLength(50);
  });
});
