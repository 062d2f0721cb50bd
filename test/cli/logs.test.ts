/** `clops logs`: the tail of each replica, following all of them, and what happens to both when the connection breaks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aCuttable, type Cuttable } from '../client/cuttable.ts';
import { TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { somePodLogs } from '../support/podLogs.ts';
import { aServingLab, type ServingLab } from '../support/serving.ts';
import { clops, type Ran, start } from './terminal.ts';

const home = mkdtempSync(join(tmpdir(), 'clops-test-logs-'));
const pods = somePodLogs();

let lab: ServingLab;
let proxy: Cuttable;
let env: NodeJS.ProcessEnv;
let first: string;
let second: string;
const cli = (...args: string[]): Promise<Ran> => clops(args, { env });
const lines = (text: string): string[] => text.split('\n').slice(0, -1);

beforeAll(async () => {
  lab = await aServingLab({ podLog: pods.log });
  await lab.register('vad', 1);
  await lab.deploy({ name: 'vad', version: { number: 1 } });
  await lab.untilPhase('vad', 'HEALTHY');
  proxy = await aCuttable(lab.api.url);
  env = { CLOPS_URL: proxy.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home };
  const { deployment } = await lab.ask<{ deployment: { currentReplicas: { name: string }[] } }>(
    '{ deployment(team: "speech", name: "vad") { currentReplicas { name } } }',
  );
  [first, second] = deployment.currentReplicas.map(({ name }) => name) as [string, string];
}, 60_000);
afterAll(async () => {
  await proxy?.close();
  await lab?.close();
  rmSync(home, { recursive: true, force: true });
});

test('replicas that have not started are said, and that there was nothing to read', async () => {
  const { exit, out, err } = await cli('logs', 'vad');
  expect({ exit, out }).toEqual({ exit: 1, out: '' });
  for (const pod of [first, second]) expect(err).toContain(`! ${pod}: container "server" in pod "${pod}" is waiting`);
});

test('a pod has an age before its node has taken it', async () => {
  const { out } = await cli('deployments', 'get', 'vad');
  expect(out.match(/□ vad-\S+ +Replica +\S \S+ +\d+[sm]( |$)/gm), out).toHaveLength(2);
});

test('the tail of each behind its name, and an end, though the streams go on', async () => {
  for (const n of [1, 2, 3]) pods.say(first, `one ${n}`);
  const withOne = await cli('logs', 'vad', '--tail', '2');
  expect(withOne).toMatchObject({ exit: 0, out: `[${first}] one 2\n[${first}] one 3\n` });
  expect(withOne.err).toContain(`! ${second}`);
  pods.say(second, 'two 1');
  expect((await cli('logs', 'vad')).out).toBe(
    `${['one 1', 'one 2', 'one 3'].map((line) => `[${first}] ${line}\n`).join('')}[${second}] two 1\n`,
  );
  await eventually(() => expect(pods.open()).toBe(0));
});

test('one replica, as lines of JSON', async () => {
  const { exit, out } = await cli('logs', 'vad', '--replica', second, '-o', 'json');
  expect(exit).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ line: 'two 1', replica: { name: second } });
  expect(await cli('logs', 'vad', '--replica', 'nobody')).toMatchObject({ exit: 4, err: new RegExp(first) });
  expect(await cli('logs', 'vad', '--tail', '5001')).toMatchObject({ exit: 2, err: /0 to 5000/ });
});

test('a JSON record is taken apart for people, and left as it is where it is asked for', async () => {
  const record = JSON.stringify({ level: 40, time: new Date().toISOString(), file: 'a.onnx', msg: 'odd' });
  pods.say(second, record);
  const asked = ['logs', 'vad', '--replica', second, '--tail', '1'];
  expect((await cli(...asked)).out).toMatch(/^\[\S+\] \d\d:\d\d:\d\d\.\d{3} WARN {2}odd {2}file=a\.onnx\n$/);
  expect((await cli(...asked, '--raw')).out).toBe(`[${second}] ${record}\n`);
  expect(JSON.parse((await cli(...asked, '-o', 'json')).out)).toMatchObject({ line: record });
  pods.say(second, 'two 1');
});

test('a line that the node says of its own has no time, and is one all the same', async () => {
  pods.mutter(second, 'unable to retrieve container logs for containerd://4f2c');
  pods.say(second, 'two 1');
  const { exit, out } = await cli('logs', 'vad', '--replica', second, '--tail', '2');
  expect({ exit, out }).toEqual({
    exit: 0,
    out: `[${second}] unable to retrieve container logs for containerd://4f2c\n[${second}] two 1\n`,
  });
});

test('followed over a connection that breaks: nothing twice, and those that end are said', async () => {
  const following = start(['logs', 'vad', '--follow', '--tail', '1'], { env });
  await eventually(() => expect(lines(following.out())).toHaveLength(2));
  pods.say(first, 'while it stood');
  await eventually(() => expect(following.out()).toContain('while it stood'));
  proxy.cut();
  await eventually(() => expect(following.err()).toContain('connection lost'));
  await eventually(() => expect(pods.open()).toBe(2));
  pods.say(first, 'after the cut');
  await eventually(() => expect(following.out()).toContain('after the cut'));
  for (const pod of [first, second]) pods.end(pod);
  await eventually(() => {
    for (const pod of [first, second]) expect(following.err()).toContain(`${pod} has ended.`);
  });
  following.interrupt();
  const { exit, out } = await following.done;
  expect(exit).toBe(130);
  expect(lines(out).toSorted()).toEqual(
    [`[${first}] one 3`, `[${second}] two 1`, `[${first}] while it stood`, `[${first}] after the cut`].toSorted(),
  );
});

test('a replica that starts later is followed, and an ended one keeps nobody from it', async () => {
  const following = start(['logs', 'vad', '--follow', '--tail', '1'], { env });
  await eventually(() => expect(pods.open()).toBe(2));
  await lab.ask(`mutation { updateDeployment(input: { deployment: "${(await lab.deployment('vad')).id}", replicas: 3 }) {
    errors { message }
  } }`);
  const names = async (): Promise<string[]> =>
    (
      await lab.ask<{ deployment: { currentReplicas: { name: string }[] } }>(
        '{ deployment(team: "speech", name: "vad") { currentReplicas { name } } }',
      )
    ).deployment.currentReplicas.map(({ name }) => name);
  const third = await eventually(async () => {
    const found = (await names()).find((name) => name !== first && name !== second);
    expect(found).toBeDefined();
    return String(found);
  });
  await eventually(() => expect(following.err()).toContain(`! ${third}: container "server"`));
  pods.end(first);
  await eventually(() => expect(following.err()).toContain(`${first} has ended.`));
  pods.say(third, 'here I am');
  await eventually(() => expect(following.out()).toContain(`[${third}] here I am`));
  following.interrupt();
  expect((await following.done).exit).toBe(130);
});

test('one replica alone is followed until it ends', async () => {
  const following = start(['logs', 'vad', '-f', '--replica', first, '--tail', '1'], { env });
  await eventually(() => expect(pods.open()).toBe(1));
  pods.end(first);
  expect(await following.done).toMatchObject({ exit: 0, err: `${first} has ended.\n` });
});

test('Ctrl-C detaches', async () => {
  const following = start(['logs', 'vad', '-f', '--tail', '1'], { env });
  await eventually(() => expect(following.out()).toContain(second));
  following.interrupt();
  expect(await following.done).toMatchObject({ exit: 130, err: /Detached/ });
  await eventually(() => expect(pods.open()).toBe(0));
});
