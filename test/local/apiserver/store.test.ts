import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createStore, type Store } from '../../../src/local/apiserver/store.ts';
import { eventually } from '../../support/eventually.ts';
import { canFillDisks, limitFiles } from './harness.ts';

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

  it('refuses damage before the end instead of a state that never was', async () => {
    for (const name of ['a', 'b', 'c']) store.put('configmaps', anObject(name));
    await store.close();
    const [name = ''] = await files();
    const journal = join(dataDir, 'cluster', name);
    const good = await readFile(journal, 'utf8');
    const [first = '', ...others] = good.trimEnd().split('\n');
    await writeFile(journal, [first, 'oops', others[1], ''].join('\n'));
    const at = Buffer.byteLength(first) + 1;
    expect(open).toThrow(`${journal} is damaged at byte ${at}, and there are records after that: restore`);
    expect(await readFile(journal, 'utf8')).toContain('oops'); // nothing was touched
    await writeFile(journal, [first, others[1], ''].join('\n'));
    expect(open).toThrow('the records 2 to 2 before it are missing');
    await writeFile(join(dataDir, 'cluster', 'journal-3.jsonl'), '');
    await writeFile(journal, good.slice(0, -5)); // torn, but not the newest
    expect(open).toThrow('is damaged at byte');
    await writeFile(journal, good);
    store = open();
    expect(store.list('configmaps')).toHaveLength(3);
  });

  it('goes on writing when it cannot compact, says so, and compacts later', async () => {
    let ahead = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
    await store.close();
    store = createStore({ dataDir, clock, log: silentLog });
    const text = 'x'.repeat(1_000_000);
    const fill = (): void => {
      for (let i = 0; i < 10; i++) store.put('configmaps', anObject(`o${i % 2}`, `${i}${text}`));
    };
    // The next journal cannot be opened: its name is taken by a folder. Which one that is depends on the sizes alone.
    const inTheWay = Array.from({ length: 12 }, (_, i) => join(dataDir, 'cluster', `journal-${i + 5}.jsonl`));
    for (const path of inTheWay) await mkdir(path);
    fill();
    expect(store.trouble()).toMatch(/snapshot could not be written to .*: EISDIR/);
    store.put('configmaps', anObject('after'));
    for (const path of inTheWay) await rm(path, { recursive: true });

    // Then the snapshot itself cannot be written.
    const temporary = join(dataDir, 'cluster', 'snapshot.jsonl.tmp');
    await mkdir(temporary);
    ahead += 11_000;
    store.put('configmaps', anObject('more'));
    await eventually(async () => expect((await files()).filter((name) => name.startsWith('journal'))).toHaveLength(2));
    await eventually(() => expect(store.trouble()).toMatch(/EISDIR/));
    await rm(temporary, { recursive: true });
    ahead += 11_000;
    store.put('configmaps', anObject('last'));
    await eventually(async () => expect(await files()).toContain('snapshot.jsonl'));
    await eventually(() => expect(store.trouble()).toBeUndefined());
    const before = store.list('configmaps');
    await reopen();
    expect(store.list('configmaps')).toEqual(before);
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

  it.skipIf(!canFillDisks)('keeps its journals when the disk is full at the end of a snapshot', async () => {
    const text = 'x'.repeat(100_000);
    // The snapshot is begun by the last of them, and written when this function waits.
    for (let i = 0; store.revision < 84; i++) store.put('configmaps', anObject(`o${i}`, text));
    const lines = store.list('configmaps').map((o) => JSON.stringify({ r: store.revision, s: 'configmaps', o }));
    const size = [`{"revision":${store.revision}}`, ...lines, ''].join('\n').length;
    limitFiles(size - 10);
    try {
      await eventually(() => expect(store.trouble()).toMatch(/snapshot could not be written to .*: EFBIG/));
    } finally {
      limitFiles('unlimited');
    }
    const before = store.list('configmaps');
    await reopen();
    expect(store.list('configmaps')).toEqual(before);
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
