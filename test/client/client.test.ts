/** The client against the real API: what it repeats, what it does not, and what a broken connection costs. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FollowEventsDocument,
  type FollowEventsSubscription,
  ServerInfoDocument,
  TeamsDocument,
  ViewerDocument,
} from '../../src/client/generated/graphql.ts';
import { type ClopsClient, ClopsFault, createClopsClient } from '../../src/client/index.ts';
import { encodeCursor } from '../../src/lib/cursor.ts';
import { anApi, type TestApi, TOKEN } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { aCuttable, type Cuttable } from './cuttable.ts';
import { anHttpProxy } from './httpProxy.ts';
import { aSpoiler } from './spoiler.ts';

const CREATE_TEAM = `mutation CreateTeam($input: CreateTeamInput!) {
  createTeam(input: $input) { team { name } errors { message } }
}`;

let api: TestApi;
let proxy: Cuttable;
let client: ClopsClient;
let connections: boolean[];
const folder = mkdtempSync(join(tmpdir(), 'clops-test-client-'));

beforeAll(async () => {
  api = await anApi();
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  proxy = await aCuttable(api.api.url);
  connections = [];
  client = createClopsClient({
    url: proxy.url,
    token: TOKEN,
    onConnection: (connected) => connections.push(connected),
  });
});
afterEach(async () => {
  await client.close();
  await proxy.close();
});

const createTeam = (name: string): Promise<unknown> => api.ask(CREATE_TEAM, { input: { name } });
const fault = async (work: Promise<unknown>): Promise<ClopsFault> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClopsFault);
  return error as ClopsFault;
};

describe('request', () => {
  test('answers what was asked, with its type', async () => {
    const { viewer } = await client.request(ViewerDocument, {});
    expect(viewer.actor).toMatchObject({ __typename: 'Person', name: 'admin' });
  });

  test('a mutation whose answer was lost is asked again and has one effect', async () => {
    let cuts = 2;
    proxy.onAnswer = () => cuts-- > 0;
    const document: { toString(): string; __apiType?: (variables: object) => { createTeam: { errors: unknown[] } } } =
      CREATE_TEAM;
    const { createTeam: payload } = await client.request(document, { input: { name: 'once' } });
    expect(payload.errors).toEqual([]);
    expect(proxy.taken()).toBe(3);
    await api.database.sequenced();
    const { events } = await api.ask<{ events: { nodes: unknown[] } }>(
      '{ events(last: 50, where: { types: ["team.created"] }) { nodes { id message } } }',
    );
    expect(events.nodes.filter((event) => JSON.stringify(event).includes('once'))).toHaveLength(1);
  });

  const NAMED = `# made by hand
    fragment Made on TeamPayload { team { name } }
    mutation ($team: CreateTeamInput!) { createTeam(input: $team) { ...Made } }`;
  const INLINE = (name: string, more = ''): string =>
    `mutation { createTeam(input: { name: "${name}" ${more} }) { team { name } } }`;
  const TWO = `mutation ($input: CreateTeamInput!) {
    a: createTeam(input: $input) { team { name } } b: createTeam(input: $input) { team { name } } }`;
  const MADE = `mutation ($key: String) { createTeam(input: { name: "by-key", idempotencyKey: $key }) { team { name } } }`;

  test.each([
    ['a comment and a fragment before it', NAMED, { team: { name: 'named' } }, 2],
    ['a key that is undefined', CREATE_TEAM, { input: { name: 'undef', idempotencyKey: undefined } }, 2],
    ['an inline input with a key', INLINE('keyed', 'idempotencyKey: "chosen"'), {}, 2],
    ['an inline input with a key from a variable', MADE, { key: 'mine' }, 2],
    ['an inline input with a key that is null', MADE, { key: null }, 1],
    ['an inline input without a key', INLINE('inline'), {}, 1],
    ['two fields', TWO, { input: { name: 'twice' } }, 1],
    ['a query that speaks of a mutation', '# no mutation\n{ serverInfo { version } }', {}, 2],
  ])('%s: a lost answer is asked for as often as has one effect', async (_what, document, variables, times) => {
    let cuts = 1;
    let sent = '';
    proxy.onAnswer = () => cuts-- > 0;
    proxy.onRequest = (piece) => {
      sent += piece.toString();
      return false;
    };
    const answered = await client.request(document, variables).then(
      (data) => JSON.stringify(data),
      (error: unknown) => (error as ClopsFault).code,
    );
    expect(proxy.taken()).toBe(times);
    if (times === 1) expect(answered).toBe('UNREACHABLE');
    else {
      expect(answered).toMatch(/"name":|"version":/);
      const [first, second] = [...sent.matchAll(/"idempotencyKey":"([^"]+)"/g)].map(([, key]) => key);
      expect(second).toBe(first);
    }
  });

  test('a refused token is a fault with code and request id, and is not tried again', async () => {
    const stranger = createClopsClient({ url: proxy.url, token: 'clops_wrong' });
    const { code, requestId, retryable } = await fault(stranger.request(TeamsDocument, {}));
    expect({ code, retryable }).toEqual({ code: 'UNAUTHENTICATED', retryable: false });
    expect(requestId).toMatch(/^\w{20,}$/);
    expect((await stranger.request(ServerInfoDocument, {})).serverInfo.version).toBe('0.1.0');
  });

  test('where nobody listens it gives up after its tries, and says where that is', async () => {
    proxy.accepts = false;
    const { code, message } = await fault(client.request(TeamsDocument, {}, { attempts: 2 }));
    expect(code).toBe('UNREACHABLE');
    expect(message).toContain(proxy.url);
    expect(proxy.taken()).toBe(2);
  });

  test('one that is taken and never answered has a limit', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const asking = createClopsClient({ url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` });
    const { code, message } = await fault(asking.request(TeamsDocument, {}, { timeoutMs: 200, attempts: 2 }));
    expect({ code, message }).toEqual({
      code: 'UNREACHABLE',
      message: expect.stringContaining('no answer within 0.2 s'),
    });
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('a signal ends it, also between two tries', async () => {
    proxy.accepts = false;
    const end = new AbortController();
    const work = client.request(TeamsDocument, {}, { signal: end.signal, attempts: 100 });
    await eventually(() => expect(proxy.taken()).toBeGreaterThan(1));
    end.abort();
    await expect(work).rejects.toThrow(/abort/i);
  });
});

describe('follow', () => {
  type Message = FollowEventsSubscription['events'];

  /** Reads on until a check is content with what has come. */
  const collect = (variables: { after?: string }): { got: Message[]; failed: () => unknown; end: () => void } => {
    const got: Message[] = [];
    let failure: unknown;
    const end = new AbortController();
    const stream = client.follow(FollowEventsDocument, variables, { signal: end.signal });
    void (async () => {
      for await (const { events } of stream) got.push(events);
    })().catch((error: unknown) => {
      failure = error;
    });
    return { got, failed: () => failure, end: () => end.abort() };
  };
  const teams = (messages: readonly Message[]): string[] =>
    messages.filter(({ event }) => event?.type === 'team.created').map(({ event }) => String(event?.message));

  test('after cuts it goes on where it was: nothing twice, nothing missing', async () => {
    const { got, end } = collect({});
    await eventually(() => expect(got).toHaveLength(1)); // Where it begins.
    const names = Array.from({ length: 12 }, (_, i) => `cut-${String(i).padStart(2, '0')}`);
    for (const [i, name] of names.entries()) {
      if (i % 4 === 2) {
        proxy.accepts = false;
        proxy.cut();
      }
      await createTeam(name);
      if (i % 4 !== 3) continue;
      proxy.accepts = true;
      await eventually(() => expect(connections.at(-1)).toBe(true));
    }
    await eventually(() => expect(teams(got)).toHaveLength(names.length), { withinMs: 20_000 });
    expect(teams(got).map((message) => names.find((name) => message.includes(name)))).toEqual(names);
    expect(connections.filter((connected) => !connected).length).toBeGreaterThan(2);
    end();
  });

  test('a cursor that the log does not reach is handed over as RESYNC_REQUIRED, and the stream goes on', async () => {
    const { got, end } = collect({ after: encodeCursor('log', [9_000_000]) });
    await eventually(() => expect(got[0]?.kind).toBe('RESYNC_REQUIRED'));
    await createTeam('behind-the-gap');
    await eventually(() => expect(teams(got)).toEqual([expect.stringContaining('behind-the-gap')]));
    proxy.cut();
    await createTeam('behind-the-cut');
    await eventually(() => expect(teams(got)).toHaveLength(2));
    expect(got.filter(({ kind }) => kind === 'RESYNC_REQUIRED')).toHaveLength(1);
    end();
  });

  test('a fault of the database in the stream is no end of it: it begins again where it was', async () => {
    const spoiler = await aSpoiler(api.api.url);
    const blinking = createClopsClient({ url: spoiler.url, token: TOKEN });
    const stream = blinking.follow(FollowEventsDocument, {});
    const got: Message[] = [];
    const reading = (async () => {
      for await (const { events } of stream) got.push(events);
    })();
    await eventually(() => expect(got).toHaveLength(1));
    spoiler.spoil(2);
    await createTeam('while-it-blinked');
    await eventually(() => expect(spoiler.left()).toBe(0));
    await createTeam('after-it-blinked');
    await eventually(() => expect(teams(got)).toHaveLength(2));
    expect(teams(got)).toEqual([
      expect.stringContaining('while-it-blinked'),
      expect.stringContaining('after-it-blinked'),
    ]);
    await stream.return?.();
    await reading;
    await blinking.close();
    await spoiler.close();
  });

  test('one that ended before there was a connection makes none', async () => {
    await client.follow(FollowEventsDocument, {}).return?.();
    await api.ask('{ serverInfo { version } }');
    expect(proxy.taken()).toBe(0);
  });

  test('a text that is no cursor ends it with a fault', async () => {
    const { failed } = collect({ after: 'nonsense' });
    await eventually(() => expect(failed()).toMatchObject({ name: 'ClopsFault', code: 'BAD_USER_INPUT' }));
  });

  test('a refused token ends it with a fault', async () => {
    const stranger = createClopsClient({ url: proxy.url, token: 'clops_wrong' });
    const stream = stranger.follow(FollowEventsDocument, {});
    expect(await fault(stream.next())).toMatchObject({ code: 'UNAUTHENTICATED' });
    await stranger.close();
  });

  test('where a proxy lets no WebSocket through it gives up, and says that; where nobody listens too', async () => {
    const plain = await anHttpProxy(api.api.url);
    const behind = createClopsClient({
      url: plain.url,
      token: TOKEN,
      onConnection: (connected) => connections.push(connected),
    });
    const streams = [behind.follow(FollowEventsDocument, {}), behind.follow(FollowEventsDocument, {})];
    proxy.accepts = false;
    const refused = fault(client.follow(FollowEventsDocument, {}).next());
    for (const one of await Promise.all(streams.map((stream) => fault(stream.next())))) {
      expect(one).toMatchObject({ code: 'NO_WEBSOCKET', retryable: false });
      expect(one.message).toMatch(/answers over HTTP, .*: does a proxy in between let WebSockets through\?$/);
    }
    expect(plain.upgrades()).toBe(6);
    expect(connections).toEqual([]);
    expect(await refused).toMatchObject({ code: 'UNREACHABLE' });
    await behind.close();
    await plain.close();
  });

  test('one that is closed while its upgrade is held back, or between two tries, ends', async () => {
    const held = await anHttpProxy(api.api.url, () => new Promise(() => {}));
    proxy.accepts = false;
    for (const [url, taken] of [
      [held.url, held.upgrades],
      [proxy.url, proxy.taken],
    ] as const) {
      const behind = createClopsClient({ url, token: TOKEN });
      const next = behind.follow(FollowEventsDocument, {}).next();
      await eventually(() => expect(taken()).toBeGreaterThan(0));
      await behind.close();
      expect(await next).toMatchObject({ done: true });
    }
    await held.close();
  });

  test('when the last stream ends the connection closes, and that is no loss', async () => {
    const stream = client.follow(FollowEventsDocument, {});
    await stream.next();
    await stream.return?.();
    await client.close();
    expect(connections).toEqual([true]);
  });
});

describe('uploadArtifact', () => {
  const aFile = (bytes: Uint8Array): { file: string; digest: string } => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const file = join(folder, digest.slice(7, 19));
    writeFileSync(file, bytes);
    return { file, digest };
  };

  test('goes on where it was cut, and sends nothing that is there', async () => {
    const size = 8 * 1024 * 1024;
    const { file, digest } = aFile(randomBytes(size));
    let sent = 0;
    let cuts = 2;
    const begins: number[] = [];
    proxy.onRequest = (piece) => {
      sent += piece.length;
      const range = /content-range: bytes (\d+)-/i.exec(piece.toString('latin1', 0, 2_000));
      if (range) begins.push(Number(range[1]));
      return cuts > 0 && sent > (3 - cuts) * 3 * 1024 * 1024 && cuts-- > 0;
    };
    const seen: number[] = [];
    const uploaded = await client.uploadArtifact(file, {
      onProgress: ({ phase, doneBytes }) => phase === 'sending' && seen.push(doneBytes),
    });
    expect(uploaded).toEqual({ digest, sizeBytes: size, alreadyThere: false });
    expect(cuts).toBe(0);
    expect(seen.at(-1)).toBe(size);
    // One more than there were cuts, or two: the store may not have let go of the cut one yet.
    const [first, ...resumed] = begins;
    expect(first).toBe(0);
    expect(resumed.length).toBeGreaterThanOrEqual(2);
    for (const begin of resumed) expect(begin).toBeGreaterThan(0);
    const before = sent;
    expect(await client.uploadArtifact(file)).toEqual({ digest, sizeBytes: size, alreadyThere: true });
    expect(sent - before).toBeLessThan(10_000);
  });

  test('an empty file is an artifact too', async () => {
    const { file, digest } = aFile(new Uint8Array());
    expect(await client.uploadArtifact(file)).toEqual({ digest, sizeBytes: 0, alreadyThere: false });
  });

  test('a file that shrinks on its way is said to have changed', async () => {
    const size = 8 * 1024 * 1024;
    const { file } = aFile(randomBytes(size));
    const uploading = client.uploadArtifact(file, {
      onProgress: ({ phase, doneBytes }) => {
        if (phase === 'hashing' && doneBytes === size) truncateSync(file, size / 2);
      },
    });
    const { code, message } = await fault(uploading);
    expect({ code, message }).toEqual({ code: 'FILE_CHANGED', message: expect.stringContaining(`${file} changed`) });
  });

  test('so is one of the same size, when the store refuses its bytes', async () => {
    const { file } = aFile(randomBytes(1024));
    const uploading = client.uploadArtifact(file, {
      onProgress: ({ phase }) => {
        if (phase === 'sending') return;
        writeFileSync(file, randomBytes(1024));
        utimesSync(file, 1, 1);
      },
    });
    expect(await fault(uploading)).toMatchObject({ code: 'FILE_CHANGED' });
  });

  test('a store that takes everything and keeps nothing is given up', async () => {
    let puts = 0;
    const store = createServer((request, response) => {
      if (request.method === 'PUT') puts++;
      request.resume().on('end', () => response.writeHead(request.method === 'PUT' ? 202 : 404).end());
    });
    await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
    const other = createClopsClient({ url: `http://127.0.0.1:${(store.address() as AddressInfo).port}`, token: TOKEN });
    const { code, message } = await fault(other.uploadArtifact(aFile(randomBytes(1024)).file));
    expect({ code, message }).toEqual({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('0 of 1024') });
    expect(puts).toBe(6);
    store.closeAllConnections();
    await new Promise((resolve) => store.close(resolve));
  });

  test('without a valid token nothing is sent', async () => {
    const { file } = aFile(randomBytes(1024));
    const stranger = createClopsClient({ url: proxy.url, token: 'clops_wrong' });
    expect(await fault(stranger.uploadArtifact(file))).toMatchObject({ code: 'UNAUTHENTICATED', retryable: false });
  });
});
