/** Events as people read them: in the width of their terminal, and into a pipe that is closed before the end. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventLine } from '../../src/cli/shown/event.ts';
import { createPaint } from '../../src/cli/shown/paint.ts';
import { anHttpProxy } from '../client/httpProxy.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { clops, start } from './terminal.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli', 'index.ts');

let api: TestApi;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  api = await anApi();
  env = { ...process.env, CLOPS_URL: api.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: '/nonexistent' };
  await makeTeam('speech');
});
afterAll(() => api.close());

const makeTeam = (name: string): Promise<unknown> =>
  api.ask(`mutation { createTeam(input: { name: "${name}" }) { errors { message } } }`);

test.each([80, 100])('in %i columns a long message goes on under itself', (width) => {
  const event = {
    at: '2026-01-01T12:00:03Z',
    type: 'rollout.weight_changed',
    message: 'vad: '.padEnd(300, 'so many words '),
    actor: { name: 'controller' },
  };
  const whole = { id: 'evt_1', cursor: 'c', data: {}, team: null, ...event };
  const lines = eventLine(createPaint(false), whole, width).split('\n');
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
  for (const line of lines.slice(1)) expect(line).toMatch(/^ {35}\S/);
  expect(eventLine(createPaint(false), whole)).not.toContain('\n');
});

test('the place to go on from is shown, and is the place', async () => {
  await api.database.sequenced();
  const { out, err } = await clops(['events'], { env });
  expect(out).toContain('team.created');
  const [, cursor = ''] = /clops events --after (\S+)/.exec(err) ?? [];
  await makeTeam('later');
  await eventually(async () => {
    const later = await clops(['events', '--after', cursor], { env });
    expect(later.out.trim().split('\n')).toHaveLength(1);
    expect(later.out).toContain('later');
  });
});

test('what happens between an empty past and the stream is not lost', async () => {
  let made = 0;
  const proxy = await anHttpProxy(api.api.url, async () => {
    await api.ask(
      `mutation { createModel(input: { team: "speech", name: "between-${made++}" }) { errors { message } } }`,
    );
    await api.database.sequenced();
  });
  const words = ['events', '--follow', '--type', 'model.created', '-o', 'json'];
  const following = start(words, { env: { ...env, CLOPS_URL: proxy.url } });
  await eventually(() => expect(following.out()).toContain('between-0'));
  await api.ask('mutation { createModel(input: { team: "speech", name: "behind" }) { errors { message } } }');
  await eventually(() => expect(following.out()).toContain('behind'));
  following.interrupt();
  const { out } = await following.done;
  const told = out
    .trim()
    .split('\n')
    .map((line) => String(JSON.parse(line).message));
  expect(new Set(told).size).toBe(told.length);
  await proxy.close();
});

test('where nothing has happened, and does not in between, what comes is told', async () => {
  const following = start(['events', '--follow', '--type', 'experiment.created'], { env });
  let made = 0;
  await eventually(async () => {
    await api.ask(
      `mutation { createExperiment(input: { team: "speech", name: "e-${made++}" }) { errors { message } } }`,
    );
    expect(following.out()).toContain('experiment.created');
  });
  following.interrupt();
  expect((await following.done).err).toMatch(/clops events --follow --after \S+/);
});

test('a reader that has read enough is an end and no error', async () => {
  const child = spawn(process.execPath, [CLI, 'events', '-f'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const ended = once(child, 'exit');
  let isOver = false;
  void ended.then(() => (isOver = true));
  for (let n = 0; n < 50 && !isOver; n++) await makeTeam(`one-${n}`);
  expect({ code: (await ended)[0], err }).toEqual({ code: 0, err: '' });
});
