/** Which instance is asked with whose token, how hints are said, teams, and what is checked before bytes are sent. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findPlace } from '../../src/cli/connection.ts';
import { asTyped, calledAs } from '../../src/cli/typed.ts';
import { readClientConfig } from '../../src/config.ts';
import { forgetUrl, rememberUrl } from '../../src/start/secrets.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { clops, type Ran } from './terminal.ts';

const MODEL = join(import.meta.dirname, '..', 'modelserver', 'models', 'scale.onnx');
const home = mkdtempSync(join(tmpdir(), 'clops-test-place-'));
const folder = join(home, 'data');

let api: TestApi;
/** Nothing but the folder says which instance it is. */
const env: NodeJS.ProcessEnv = { CLOPS_DATA_DIR: folder, XDG_CONFIG_HOME: home };
const cli = (...args: string[]): Promise<Ran> => clops(args, { env });

beforeAll(async () => {
  api = await anApi();
  mkdirSync(folder);
  rememberUrl(folder, api.api.url);
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`);
});
afterAll(async () => {
  await api.close();
  rmSync(home, { recursive: true, force: true });
});

test('without a team every hint leads to one', async () => {
  expect(await cli('teams')).toMatchObject({ exit: 0, out: '', err: /clops teams create NAME/ });
  expect(await cli('models', 'push', MODEL)).toMatchObject({
    exit: 4,
    err: /no team yet.*\n {2}try: clops teams create NAME/,
  });
  expect(await cli('teams', 'create', 'My_Team')).toMatchObject({ exit: 2, err: /try: clops teams create my-team\n/ });
  expect(await cli('teams', 'create', 'speech', '--display-name', 'Speech')).toMatchObject({
    exit: 0,
    out: 'Made the team speech.\n',
  });
  expect((await cli('teams', 'create', 'speech')).exit).toBe(5);
  expect((await cli('teams', 'list')).out).toMatch(/\nspeech +Speech +speech\n/);
});

test('a team that is not there is no empty list', async () => {
  for (const list of [
    ['models', 'list'],
    ['deployments', 'list'],
    ['rollouts', 'list'],
    ['events'],
    ['events', '--follow'],
    ['models', 'get', 'x'],
  ])
    expect(await cli(...list, '--team', 'nope'), list.join(' ')).toMatchObject({
      exit: 4,
      out: '',
      err: /no team "nope"\. There is: speech\.\n {2}try: clops teams list/,
    });
});

test('a group alone lists', async () => {
  for (const name of ['models', 'deployments', 'rollouts']) expect((await cli(name)).exit, name).toBe(0);
  expect((await cli('teams', '-o', 'name')).out).toBe('speech\n');
  expect(await cli('models', 'lst')).toMatchObject({ exit: 2, err: /unknown command 'lst'\. Did you mean list\?/ });
});

test.each([
  ['empty.onnx', '', /is empty/],
  ['pointer.onnx', 'version https://git-lfs.github.com/spec/v1\n', /Git LFS.*\n {2}try: git lfs pull/],
  ['page.onnx', '<html>', /is no ONNX model: it begins with "<html>"/],
  ['folder.onnx', undefined, /is a folder/],
])('%s is refused before anything is made', async (name, content, message) => {
  const file = join(home, name);
  if (content === undefined) mkdirSync(file);
  else writeFileSync(file, content);
  expect(await cli('models', 'push', file)).toMatchObject({ exit: 2, err: message });
  expect(await cli('models', 'push', MODEL, '--name', 'My_Model')).toMatchObject({ exit: 2, err: /--name my-model/ });
  expect((await cli('models', 'list', '-o', 'name')).out).toBe('');
});

test('a version that is refused leaves no model behind', async () => {
  const broken = join(home, 'broken.onnx');
  writeFileSync(broken, Buffer.from([0x08, 0xff]));
  expect((await cli('models', 'push', broken)).exit).not.toBe(0);
  expect((await cli('models', 'list', '-o', 'name')).out).toBe('');
});

test('what the shell says is nearer than what login kept', async () => {
  const other = join(home, 'other');
  const both = { CLOPS_DATA_DIR: other, XDG_CONFIG_HOME: join(home, 'kept') };
  const login = await clops(['login', api.api.url, '--token', TOKEN], { env: both });
  expect(login).toMatchObject({ exit: 0, err: /! CLOPS_DATA_DIR is set in this shell, which comes first/ });
  expect((await clops(['teams'], { env: { XDG_CONFIG_HOME: both.XDG_CONFIG_HOME } })).exit).toBe(0);
  // The folder says where its instance is, though nobody answers there.
  mkdirSync(other);
  rememberUrl(other, 'http://127.0.0.1:1');
  for (const token of [{}, { CLOPS_TOKEN: TOKEN }])
    expect(await clops(['teams'], { env: { ...both, ...token } })).toMatchObject({
      exit: 1,
      err: new RegExp(`127\\.0\\.0\\.1:1 cannot be reached.* The address is from ${join(other, 'url')}`),
    });
  // Nearer still: an address. Its token is the one that was kept for it.
  expect((await clops(['teams'], { env: { ...both, CLOPS_URL: api.api.url } })).exit).toBe(0);
  // A folder without a token of its own: the one that was kept for this very address.
  rememberUrl(other, api.api.url);
  expect((await clops(['teams'], { env: both })).exit).toBe(0);
});

test('the token of an instance that has ended is sent to nobody who listens by default', async () => {
  const ended = join(home, 'ended');
  mkdirSync(ended);
  writeFileSync(join(ended, 'token'), `${TOKEN}\n`);
  const config = readClientConfig({ CLOPS_DATA_DIR: ended, XDG_CONFIG_HOME: ended });
  rememberUrl(ended, api.api.url);
  expect(await findPlace(config)).toMatchObject({ url: api.api.url, token: TOKEN });
  forgetUrl(ended);
  await expect(findPlace(config)).rejects.toThrow(/Nothing is running in .*ended/);
  const byDefault = { ...config, local: { ...config.local, chosenBy: undefined } };
  expect(await findPlace(byDefault)).toMatchObject({ from: expect.stringContaining('the default'), token: undefined });
});

test('a token that is refused is named by where it came from', async () => {
  const { url } = api.api;
  const own = await clops(['models'], { env: { ...env, CLOPS_TOKEN: 'clops_wrong' } });
  expect(own).toMatchObject({
    exit: 3,
    err: `error: ${url} does not accept the token in CLOPS_TOKEN. Set another one, or unset it.\n  try: clops login ${url}\n`,
  });
  writeFileSync(join(folder, 'token'), 'clops_other\n');
  const { exit, err } = await cli('models');
  expect(exit).toBe(3);
  expect(err).toContain(`does not accept the token from ${join(folder, 'token')}. Another instance may be listening`);
  rmSync(join(folder, 'token'));
  const none = await cli('models');
  expect(none.exit).toBe(3);
  expect(none.err).toMatch(/wants a token, and there is none\. .*`\.clops` where it was started/);
  expect(none.err).toContain(`  try: clops login ${url} < DATA_FOLDER/token\n`);
});

test('hints are said as the program was called', () => {
  expect(calledAs('/x/.npm/_npx/1/node_modules/.bin/clops', 'exec')).toBe('npx clops');
  expect(calledAs('/usr/bin/clops', undefined)).toBe('clops');
  expect(calledAs('/x/dist/cli/index.js', undefined)).toBe('npx clops');
  expect(calledAs('/x/bin/clops.js', undefined)).toBe('node /x/bin/clops.js');
  const said =
    'clops doctor\nWatch it:  clops rollouts watch a\n`clops login` CLOPS_URL=x clops models; the clops team';
  expect(asTyped(said, 'npx clops')).toBe(
    'npx clops doctor\nWatch it:  npx clops rollouts watch a\n`npx clops login` CLOPS_URL=x npx clops models; the clops team',
  );
  expect(asTyped('  try: clops promote a', 'npx clops')).toBe('  try: npx clops promote a');
});
