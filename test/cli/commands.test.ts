/** Commands against the real API without a cluster: registry, names, forms of output, exit codes, who is asking. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../src/platform/process/ports.ts';
import { anHttpProxy } from '../client/httpProxy.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { clops, type Ran, start } from './terminal.ts';

const MODEL = join(import.meta.dirname, '..', 'modelserver', 'models', 'scale.onnx');
const home = mkdtempSync(join(tmpdir(), 'clops-test-cli-'));

let api: TestApi;
let env: NodeJS.ProcessEnv;
const cli = (...args: string[]): Promise<Ran> => clops(args, { env });

beforeAll(async () => {
  api = await anApi();
  env = { CLOPS_URL: api.api.url, CLOPS_TOKEN: TOKEN, XDG_CONFIG_HOME: home, CLOPS_DATA_DIR: join(home, 'none') };
  await api.ask('mutation { createTeam(input: { name: "speech" }) { errors { message } } }');
});
afterAll(async () => {
  await api.close();
  rmSync(home, { recursive: true, force: true });
});

describe('a file becomes a version', () => {
  test('with everything that was said of it', async () => {
    const source = 'git.example/speech@4f2c1aa:train.py';
    const said = [
      '--param',
      'lr=0.1',
      '--param',
      'net=conv',
      '--metric',
      'auc=0.91',
      '--source',
      source,
      '--alias',
      'champion',
    ];
    const { exit, out, err } = await cli('models', 'push', MODEL, '--name', 'scale', '--description', 'first', ...said);
    expect({ exit, out }).toEqual({ exit: 0, out: 'speech/scale@1\n' });
    expect(err).toContain('clops deploy speech/scale@1');
    const found = JSON.parse((await cli('models', 'get', 'scale@champion', '-o', 'json')).out);
    expect(found).toMatchObject({
      number: 1,
      description: 'first',
      format: 'ONNX',
      parameters: { lr: 0.1, net: 'conv' },
      metrics: { auc: 0.91 },
      source: { repository: 'git.example/speech', commit: '4f2c1aa', path: 'train.py' },
      aliases: [{ name: 'champion' }],
    });
    expect(found.signature.inputs.length).toBeGreaterThan(0);
  });

  test('bytes that are there are not sent again', async () => {
    const { out, err } = await cli('models', 'push', MODEL, '--name', 'other');
    expect(out).toBe('speech/other@1\n');
    expect(err).toContain('The store had these bytes already: nothing was sent.\n');
    const again = await cli('models', 'push', MODEL, '--name', 'other');
    expect(again.out).toBe('speech/other@2\n');
    expect(again.err).toContain('Same bytes as other@1; registered as @2 all the same.\n');
  });

  test.each([
    [['--metric', 'auc=good'], /--metric auc must be a number/],
    [['--source', 'somewhere'], /repo@commit:path/],
    [['--format', 'ONIX'], /Did you mean ONNX/],
    [['--param', '=3'], /key=value/],
    [['--team', 'speeech'], /Did you mean speech/],
  ])('%j is refused before anything is sent', async (flags, message) => {
    const { exit, err } = await cli('models', 'push', MODEL, '--name', 'bad', ...flags);
    expect(err).toMatch(message);
    expect([2, 4]).toContain(exit);
  });
});

describe('forms of output', () => {
  test('data on stdout, in the form that was asked for', async () => {
    const table = (await cli('models', 'list')).out;
    expect(table).toMatch(/^TEAM +NAME +NEWEST +FORMAT +ALIASES +AGE\n/);
    expect(table).toMatch(/\nspeech +scale +1 +ONNX +champion→1 +\d+s\n/);
    const json = JSON.parse((await cli('models', 'list', '-o', 'json')).out);
    expect(json.map(({ name }: { name: string }) => name)).toEqual(['other', 'scale']);
    expect(parse((await cli('models', 'list', '--output', 'yaml')).out)).toEqual(json);
    expect((await cli('models', 'list', '-o', 'name')).out).toBe('speech/other\nspeech/scale\n');
  });

  test('colours on a terminal only, and not when they are not wanted', async () => {
    const list = ['deployments', 'list'];
    await cli('deploy', 'scale@1');
    const coloured = '\u001b[';
    expect((await cli(...list)).out).not.toContain(coloured);
    expect((await clops(list, { env, columns: 100 })).out).toContain(coloured);
    expect((await clops([...list, '--no-color'], { env, columns: 100 })).out).not.toContain(coloured);
    expect((await clops(list, { env: { ...env, NO_COLOR: '1' }, columns: 100 })).out).not.toContain(coloured);
  });

  test('an empty list is said on stderr; --quiet leaves that out', async () => {
    await api.ask('mutation { createTeam(input: { name: "empty" }) { errors { message } } }');
    expect(await cli('models', 'list', '--team', 'empty')).toMatchObject({ exit: 0, out: '', err: /no model yet/i });
    expect(await cli('models', 'list', '--team', 'empty', '-q')).toEqual({ exit: 0, out: '', err: '' });
    expect((await cli('models', 'list', '--team', 'empty', '-o', 'json')).out).toBe('[]\n');
  });
});

describe('exit codes', () => {
  test('2: words that make no command', async () => {
    expect(await cli('modles')).toMatchObject({ exit: 2, err: /Did you mean models\?/ });
    expect((await cli('models', 'list', '-o', 'xml')).exit).toBe(2);
    for (const group of ['deployments', 'models', 'teams']) {
      const { exit, out, err } = await cli(group, 'list', 'mine');
      expect({ exit, out }, group).toEqual({ exit: 2, out: '' });
      expect(err).toContain("too many arguments for 'list'");
    }
    for (const verb of [['status'], ['promote'], ['rollback'], ['rollouts', 'watch'], ['deployments', 'delete', '-y']])
      expect(await cli(...verb), verb.join(' ')).toMatchObject({
        exit: 2,
        err: /Which deployment\? There is: speech\/scale\./,
      });
    const wrongPort = await clops(['teams'], { env: { ...env, CLOPS_HTTP_PORT: 'abc' } });
    expect(wrongPort).toMatchObject({ exit: 2, err: /CLOPS_HTTP_PORT=abc .*: must be a port, 0 to 65535\.\n/ });
    const nowhere = { CLOPS_DATA_DIR: join(home, 'none'), XDG_CONFIG_HOME: home };
    expect(await clops(['teams'], { env: nowhere })).toMatchObject({ exit: 1, err: /Nothing is running in .*none/ });
    expect((await cli('models', 'push', join(home, 'request.json'))).err).toMatch(/Only ONNX can be served today/);
    expect((await cli('deploy', 'scale@1', '--canary', '10', '--rolling')).err).toMatch(/contradict/);
    expect((await cli('status', 'scale', '--timeout', 'soon')).exit).toBe(2);
    expect(await cli('status', 'scale', '--timeout', '25d')).toMatchObject({
      exit: 2,
      err: /--timeout is at most 24d/,
    });
    expect((await cli('login', '--help')).out).toMatch(/`ps` shows to\s+everybody.*stdin/s);
    expect((await cli('models', 'push', join(home, 'none.onnx'))).exit).toBe(2);
    expect((await cli('deploy', 'scale@1', '--canary', '50,10')).exit).toBe(2);
  });

  test('3: a token that is not valid', async () => {
    const stranger = await clops(['models', 'list'], { env: { ...env, CLOPS_TOKEN: 'clops_wrong' } });
    expect(stranger).toMatchObject({ exit: 3, out: '', err: /error: .*\n {2}try: clops login/ });
  });

  test('4: what does not exist, and what was meant perhaps', async () => {
    expect(await cli('deployments', 'get', 'sclae')).toMatchObject({ exit: 4, err: /Did you mean scale\?/ });
    expect(await cli('deploy', 'scale@7')).toMatchObject({ exit: 4, err: /has no version 7. Its newest is 1/ });
    expect(await cli('deploy', 'scale@champoin')).toMatchObject({ exit: 4, err: /Did you mean champion\?/ });
    expect((await cli('rollouts', 'watch', 'rol_01m8752ms54bapn0xbgncr86sw')).exit).toBe(4);
    expect((await cli('models', 'get', 'mdl_01m8752ms54bapn0xbgncr86sw')).exit).toBe(4);
  });

  test('5: a verb that is not possible now, and those that are', async () => {
    const { exit, err } = await cli('promote', 'scale');
    expect(exit).toBe(5);
    expect(err).toContain('try: clops pause speech/scale');
    expect(err).not.toContain('Possible now');
  });

  test('6: the time is up', async () => {
    const { exit, err } = await cli('status', 'scale', '--timeout', '300ms');
    expect(exit).toBe(6);
    expect(err).toMatch(/not healthy yet/);
  });

  test('6: a verb is accepted, and nobody is there to do it', async () => {
    const { exit, out, err } = await cli('pause', 'scale', '--timeout', '2s');
    expect({ exit, out }).toEqual({ exit: 6, out: '' });
    expect(err).toMatch(/speech\/scale: the pause is accepted; the controller has not answered yet/);
  });

  test('130: Ctrl-C detaches, and says so', async () => {
    const watching = start(['rollouts', 'watch', 'scale'], { env });
    await eventually(() => expect(watching.out()).toContain('Pending'));
    watching.interrupt();
    expect(await watching.done).toMatchObject({ exit: 130, err: /Detached/ });
  });

  test('1: nobody listens there', async () => {
    const { exit, err } = await clops(['models', 'list'], {
      env: { ...env, CLOPS_URL: `http://127.0.0.1:${await freePort()}` },
    });
    expect({ exit, err }).toMatchObject({ exit: 1, err: /cannot be reached: ECONNREFUSED/ });
  });
});

describe('names', () => {
  test('a name in two teams wants its team', async () => {
    await api.ask('mutation { createTeam(input: { name: "vision" }) { errors { message } } }');
    expect((await cli('models', 'push', MODEL, '--name', 'scale', '--team', 'vision')).out).toBe('vision/scale@1\n');
    expect(await cli('models', 'get', 'scale')).toMatchObject({
      exit: 2,
      err: /speech, vision: say which with --team/,
    });
    const byTeam = await cli('models', 'get', 'scale', '--team', 'vision', '-o', 'json');
    const { id } = JSON.parse(byTeam.out);
    for (const ref of ['vision/scale', id])
      expect((await cli('models', 'get', ref, '-o', 'name')).out, ref).toBe('vision/scale@1\n');
    expect(await cli('models', 'push', MODEL, '--name', 'x')).toMatchObject({ exit: 2, err: /several teams/ });
  });
});

describe('aliases', () => {
  test('an alias goes from one version to another', async () => {
    for (const _ of [1, 2]) await cli('models', 'push', MODEL, '--team', 'speech', '--name', 'moved');
    expect((await cli('models', 'alias', 'moved@2', 'champion')).out).toBe('speech/moved@champion is speech/moved@2\n');
    expect((await cli('models', 'alias', 'moved@1', 'champion')).exit).toBe(0);
    expect(await cli('models', 'alias', 'moved', 'champion')).toMatchObject({
      exit: 2,
      err: /moved@1, or moved@alias/,
    });
    expect((await cli('models', 'alias', 'moved@9', 'champion')).exit).toBe(4);
  });

  test('an alias that fails leaves a version, and that is said', async () => {
    const server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      if (body.includes('setAlias')) return response.socket?.destroy();
      const { method = 'GET', headers, url } = request;
      const { host: _, ...rest } = headers as Record<string, string>;
      const answer = await fetch(`${api.api.url}${url}`, { method, headers: rest, ...(body.length > 0 && { body }) });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      return response.end(Buffer.from(await answer.arrayBuffer()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const through = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const push = ['models', 'push', MODEL, '--team', 'speech', '--name', 'half', '--alias', 'champion'];
    const { exit, err } = await clops(push, { env: { ...env, CLOPS_URL: through } });
    expect({ exit, err }).toMatchObject({
      exit: 1,
      err: /speech\/half@1 is registered, and may not have its alias champion\..*\n {2}try: clops models alias speech\/half@1 champion\n/,
    });
    expect((await cli('models', 'get', 'half', '-o', 'name')).out).toBe('speech/half@1\n');
    server.close();
  });
});

describe('deleting', () => {
  test('is refused where nobody can be asked, unless --yes', async () => {
    await cli('deploy', 'speech/scale@1', '--name', 'short-lived');
    expect(await cli('deployments', 'delete', 'short-lived')).toMatchObject({ exit: 2, err: /--yes/ });
    expect((await cli('deployments', 'delete', 'short-lived', '--yes')).out).toMatch(/is being deleted/);
  });

  test('with --wait ends, and deletes nothing, where a proxy lets no WebSocket through', async () => {
    await cli('deploy', 'speech/scale@1', '--name', 'kept');
    const proxy = await anHttpProxy(api.api.url);
    const deleting = clops(['deployments', 'delete', 'kept', '--yes', '--wait'], {
      env: { ...env, CLOPS_URL: proxy.url },
    });
    expect(await deleting).toMatchObject({
      exit: 1,
      out: '',
      err: /^error: \S+ answers over HTTP, .*: does a proxy in between let WebSockets through\?\n$/,
    });
    await proxy.close();
    expect((await cli('deployments', 'get', 'kept')).exit).toBe(0);
  });
});

describe('events', () => {
  test('the last ones, those after a cursor, and those to come, without a gap', async () => {
    await api.database.sequenced();
    const known = JSON.parse((await cli('events', '--type', 'team.created', '-o', 'json')).out);
    expect(known.map(({ type }: { type: string }) => type)).toEqual(['team.created', 'team.created', 'team.created']);
    const rest = JSON.parse((await cli('events', '--after', known[0].cursor, '--type', 'team.*', '-o', 'json')).out);
    expect(rest.map(({ id }: { id: string }) => id)).toEqual([known[1].id, known[2].id]);

    const following = start(['events', '--follow', '--type', 'team.created', '-o', 'json'], { env });
    await api.ask('mutation { createTeam(input: { name: "later" }) { errors { message } } }');
    await eventually(() => expect(following.out().trim().split('\n')).toHaveLength(4));
    following.interrupt();
    const { exit, out, err } = await following.done;
    expect(exit).toBe(130);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).message)
        .at(-1),
    ).toContain('later');
    expect(err).toMatch(/clops events --follow --after \S+/);
  });
});

describe('who asks', () => {
  test('login keeps a token that was tried, for its owner only; logout forgets it', async () => {
    const bare = { XDG_CONFIG_HOME: home };
    const file = join(home, 'clops', 'credentials.json');
    const wrong = await clops(['login', api.api.url], { env: bare, input: 'clops_wrong\n' });
    expect(wrong.exit).toBe(3);
    expect(existsSync(file)).toBe(false);
    const right = await clops(['login', api.api.url], { env: bare, input: `${TOKEN}\n` });
    expect(right).toMatchObject({ exit: 0, out: `Signed in to ${api.api.url} as admin.\n` });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await clops(['models', 'list', '-o', 'name'], { env: bare })).out).toContain('speech/scale');
    // A kept token goes to the place that it was kept for, and to no other.
    const elsewhere = await clops(['doctor'], { env: { ...bare, CLOPS_URL: 'http://127.0.0.1:1' } });
    expect(elsewhere).toMatchObject({ exit: 1, out: /nobody answers/ });
    // CLOPS_TOKEN alone goes to neither without its owner's word.
    const mixed = await clops(['models', 'list'], { env: { ...bare, CLOPS_TOKEN: TOKEN } });
    expect(mixed).toMatchObject({ exit: 2, out: '', err: /set CLOPS_URL too/ });
    const { port } = new URL(api.api.url);
    const here = { ...bare, CLOPS_HTTP_PORT: port, CLOPS_TOKEN: 'clops_wrong' };
    expect((await clops(['models', 'list'], { env: here })).exit).toBe(3);
    expect((await clops(['logout'], { env: bare })).exit).toBe(0);
    expect(existsSync(file)).toBe(false);
    const local = { ...bare, CLOPS_HTTP_PORT: port, CLOPS_TOKEN: TOKEN };
    expect((await clops(['models', 'list', '-o', 'name'], { env: local })).out).toContain('speech/scale');
  });

  test('doctor says what is there and what is not', async () => {
    const { exit, out } = await cli('doctor');
    expect(out).toMatch(/✔ +reachable/);
    expect(out).toMatch(/✔ +token +of admin/);
    expect(out).toMatch(/✔ +clock/);
    expect(out).toMatch(/✔ +streams +a WebSocket stood in \d+ ms/);
    expect(exit).toBe(out.includes('✖') ? 1 : 0);
    const stranger = await clops(['doctor', '-o', 'json'], { env: { ...env, CLOPS_TOKEN: 'clops_wrong' } });
    expect(JSON.parse(stranger.out)).toContainEqual(expect.objectContaining({ check: 'token', ok: false }));
  });

  test('doctor says where a proxy lets no WebSocket through, or never answers for it', async () => {
    const [refusing, silent] = [
      await anHttpProxy(api.api.url),
      await anHttpProxy(api.api.url, () => new Promise(() => {})),
    ];
    for (const [proxy, what] of [
      [refusing, 'was refused'],
      [silent, 'did not stand within 5 s'],
    ] as const) {
      const { exit, out } = await clops(['doctor'], { env: { ...env, CLOPS_URL: proxy.url } });
      expect(out).toMatch(new RegExp(`✖ +streams +a WebSocket to /graphql ${what} +→ does a proxy in between`));
      expect(exit).toBe(1);
      await proxy.close();
    }
  });
});
