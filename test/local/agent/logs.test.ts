import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { keepLog, lastLines, type ReadLogOptions, readLog } from '../../../src/local/agent/container/logs.ts';
import { eventually } from '../../support/eventually.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clops-logs-'));
  file = join(dir, '0.log');
  writeFileSync(file, '');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function read(options: ReadLogOptions = {}): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of readLog(file, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('tells when each line came, also of what was written while nobody looked', async () => {
  let now = 1_000_000;
  const clock = { ...systemClock, now: () => now };
  const first = keepLog(file, clock);
  appendFileSync(file, 'one\ntwo\n');
  first.close();
  appendFileSync(file, 'between\n'); // gets the file's last change as its time
  now = Date.now() + 1_000_000;
  const second = keepLog(file, clock);
  appendFileSync(file, 'three\n');
  second.close();
  expect(await read({ sinceMs: 1_000_001 })).toBe('between\nthree\n');
  expect(await read({ sinceMs: now })).toBe('three\n');
  expect(await read({ sinceMs: 1_000_000, tailLines: 3, timestamps: true })).toMatch(
    /^1970-01-01T00:16:40\.000000000Z two\n\S+ between\n\S+ three\n$/,
  );
  expect(await read({ limitBytes: 5 })).toBe('one\nt');
});

test('a log that is too large is cut, and the older part can still be read', async () => {
  const keeper = keepLog(file, systemClock, 1000);
  appendFileSync(file, `${'a'.repeat(600)}\n${'b'.repeat(600)}\n`);
  await eventually(async () => {
    appendFileSync(file, '');
    expect(await read({ tailLines: 1 })).toBe(`${'b'.repeat(600)}\n`);
    expect(await lastLines(file)).toBe('');
  });
  appendFileSync(file, 'fresh\n');
  expect(await read({ tailLines: 2 })).toBe(`${'b'.repeat(600)}\nfresh\n`);
  keeper.close();
});

test('a full disk takes no times and ends nothing; what comes next has them noted', async () => {
  let now = 1_000_000;
  const keeper = keepLog(file, { ...systemClock, now: () => now });
  mkdirSync(`${file}.times`); // nothing can be written there
  appendFileSync(file, 'one\n');
  expect(() => keeper.close()).not.toThrow();
  rmdirSync(`${file}.times`);
  now += 1_000;
  const next = keepLog(file, { ...systemClock, now: () => now });
  appendFileSync(file, 'two\n');
  next.close();
  expect(await read({ sinceMs: now })).toBe('one\ntwo\n');
});

test('follows across a cut until the end', async () => {
  const end = Promise.withResolvers<void>();
  appendFileSync(file, 'one\n');
  const followed = readLog(file, { until: end.promise });
  const next = async (): Promise<string> => String((await followed.next()).value);
  expect(await next()).toBe('one\n');
  appendFileSync(file, 'two\n');
  expect(await next()).toBe('two\n');
  keepLog(file, systemClock, 1).close(); // cuts
  const more = next();
  await eventually(() => appendFileSync(file, 'six\n'));
  expect(await more).toBe('six\n');
  end.resolve();
  expect((await followed.next()).done).toBe(true);
});

test('passes a very long line on in pieces, with one time, before the container ends', async () => {
  appendFileSync(file, 'half a ');
  const followed = readLog(file, { until: new Promise(() => undefined), timestamps: true });
  let text = String((await followed.next()).value);
  const line = 'x'.repeat(2_500_000);
  appendFileSync(file, `line\n${line}`);
  while (text.length < 2_000_000) text += String((await followed.next()).value);
  appendFileSync(file, '\nshort\n');
  while (!text.endsWith('short\n')) text += String((await followed.next()).value);
  const lines = text.replaceAll(/\d{4}-\S+Z /g, '<time>').replace(line, '<line>');
  expect(lines.slice(0, 200)).toBe('<time>half a line\n<time><line>\n<time>short\n');
  await followed.return(undefined);
});

test('a reader that goes away ends the following', async () => {
  const abort = new AbortController();
  appendFileSync(file, 'one\n');
  const followed = readLog(file, { until: new Promise(() => undefined), signal: abort.signal });
  await followed.next();
  const next = followed.next();
  abort.abort();
  expect((await next).done).toBe(true);
});

test.runIf(process.platform === 'linux')('keeps and follows where the system has no watch left', async ({ skip }) => {
  const [logs, clock] = ['local/agent/container/logs.ts', 'lib/clock.ts'].map((name) =>
    JSON.stringify(join(import.meta.dirname, '../../../src', name)),
  );
  const kept = join(dir, 'kept.log');
  writeFileSync(kept, '');
  const script = `
    const [{ keepLog, readLog }, { systemClock }] = await Promise.all([import(${logs}), import(${clock})]);
    keepLog(${JSON.stringify(kept)}, systemClock, 10);
    setInterval(() => {}, 1000);
    console.log('begun');
    const until = new Promise(() => {});
    for await (const chunk of readLog(${JSON.stringify(file)}, { until })) process.stdout.write(chunk);`;
  const noWatch = 'echo 0 >/proc/sys/user/max_inotify_watches && exec "$@"';
  const args = [
    '-U',
    '--map-root-user',
    'sh',
    '-c',
    noWatch,
    'sh',
    process.execPath,
    '--input-type=module',
    '-e',
    script,
  ];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  try {
    await eventually(() => expect([said, child.exitCode]).not.toEqual(['', null]));
    if (!said) skip('this machine allows no user namespace');
    appendFileSync(kept, 'more than ten bytes\n');
    await eventually(() => expect(existsSync(`${kept}.1`)).toBe(true));
    appendFileSync(file, 'one\n');
    await eventually(() => expect(said).toBe('begun\none\n'));
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});
