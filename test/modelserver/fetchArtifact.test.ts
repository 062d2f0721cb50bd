/** The bytes get there through broken connections, and nothing but the right bytes. Real server, real files. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { openPki } from '../../src/local/apiserver/pki.ts';
import { fetchArtifact, runFetchArtifact } from '../../src/modelserver/index.ts';
import { MAIN } from '../support/program.ts';

const BYTES = randomBytes(300_000);
const DIGEST = `sha256:${createHash('sha256').update(BYTES).digest('hex')}`;
const ETAG = '"v1"';

let folder: string;
let path: string;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse, nth: number) => void;
let ranges: (string | undefined)[];
let stop: () => Promise<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clops-fetch-'));
  path = join(folder, 'models', 'model.onnx');
  ranges = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    answer(request, response, ranges.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a/model.onnx?signature=secret`;
  stop = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

/** Serves ranges as a file server does; with `cut`, the connection breaks after so many bytes. */
function serve(request: IncomingMessage, response: ServerResponse, bytes: Buffer, cut?: number): void {
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const fits = asked && (request.headers['if-range'] ?? ETAG) === ETAG;
  const from = fits ? Number(asked[1]) : 0;
  if (fits && from >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const rest = bytes.subarray(from);
  const headers = { etag: ETAG, 'content-length': rest.length };
  if (fits)
    response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
  else response.writeHead(200, headers);
  if (cut === undefined) response.end(rest);
  else response.write(rest.subarray(0, cut), () => setImmediate(() => response.destroy()));
}

const run = (more: Partial<Parameters<typeof fetchArtifact>[0]> = {}) =>
  fetchArtifact({ url, digest: DIGEST, path, log: silentLog, retryMs: 1, ...more });
const files = () => readdir(join(folder, 'models'));

it('resumes where the connection broke', async () => {
  answer = (request, response, nth) => serve(request, response, BYTES, nth <= 3 ? 60_000 : undefined);
  // Fewer tries than breaks: those that bring bytes do not count.
  expect(await run({ attempts: 2 })).toEqual({ bytes: BYTES.length, downloaded: true });
  expect(await readFile(path)).toEqual(BYTES);
  expect(await files()).toEqual(['model.onnx']);
  expect(ranges).toHaveLength(4);
  expect(ranges[0]).toBeUndefined();
  expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ''))).toBe(true);
});

it('keeps the right file, replaces a wrong one', async () => {
  answer = (request, response) => serve(request, response, BYTES);
  await run();
  expect(await run()).toEqual({ bytes: BYTES.length, downloaded: false });
  expect(ranges).toHaveLength(1);
  await writeFile(path, 'something else');
  expect(await run()).toEqual({ bytes: BYTES.length, downloaded: true });
});

it('goes on with the unfinished file of an earlier process, and starts over when that was something else', async () => {
  answer = (request, response) => serve(request, response, BYTES);
  await run();
  await rm(path);
  await writeFile(`${path}.part`, BYTES.subarray(0, 100_000));
  await run();
  expect(ranges.at(-1)).toBe('bytes=100000-');
  for (const other of [randomBytes(5000), randomBytes(BYTES.length), randomBytes(BYTES.length + 1)]) {
    await rm(path);
    await writeFile(`${path}.part`, other);
    expect(await run()).toEqual({ bytes: BYTES.length, downloaded: true });
    expect(await readFile(path)).toEqual(BYTES);
  }
});

it('refuses other bytes, and says nothing of the query', async () => {
  const other = randomBytes(1000);
  answer = (request, response) => serve(request, response, other);
  const actual = `sha256:${createHash('sha256').update(other).digest('hex')}`;
  await expect(run()).rejects.toThrow(`digest of ${url.split('?')[0]} is ${actual} but ${DIGEST} was expected`);
  await expect(run()).rejects.not.toThrow(/secret/);
  expect(await files()).toEqual([]);
});

it('tries again after 503, not after 404, and gives up in the end', async () => {
  answer = (request, response, nth) => {
    if (nth <= 2) response.writeHead(503).end();
    else serve(request, response, BYTES);
  };
  await run();
  expect(ranges).toHaveLength(3);
  await rm(path);
  answer = (_request, response) => response.writeHead(404).end();
  await expect(run()).rejects.toThrow(/\/a\/model\.onnx answered 404 Not Found$/);
  expect(ranges).toHaveLength(4);
  answer = (_request, response) => response.writeHead(500).end();
  await expect(run({ attempts: 3 })).rejects.toThrow(/could not be fetched in 3 tries; the last: .* answered 500/);
  await stop();
  await expect(run({ attempts: 2 })).rejects.toThrow(/could not be fetched in 2 tries; the last: .*ECONNREFUSED/);
});

it('takes a silent connection for a broken one, and refuses what is too large', async () => {
  answer = (request, response, nth) => {
    if (nth > 1) serve(request, response, BYTES);
    else response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 1000));
  };
  expect(await run({ stallMs: 100 })).toEqual({ bytes: BYTES.length, downloaded: true });
  await rm(path);
  await expect(run({ maxBytes: 1000 })).rejects.toThrow(/is larger than 1000 bytes, the limit for artifacts$/);
});

it('reads its flags, and the URL from a file', async () => {
  answer = (request, response) => serve(request, response, BYTES);
  const urlFile = join(folder, 'url');
  await writeFile(urlFile, `${url}\n`);
  const flags = [`--digest=${DIGEST}`, `--path=${path}`];
  expect(await runFetchArtifact([...flags, `--url-file=${urlFile}`], { log: silentLog })).toMatchObject({
    downloaded: true,
  });
  expect(await runFetchArtifact([...flags, `--url=${url}`], { log: silentLog })).toMatchObject({ downloaded: false });
  await rm(path);
  const others = `${url}/sha256:${'0'.repeat(64)}\n${url}/sha256:${'1'.repeat(64)}\n`;
  await writeFile(urlFile, `${others}${url}/${DIGEST}\n`);
  const several = [...flags, `--url-file=${urlFile}`];
  expect(await runFetchArtifact(several, { log: silentLog })).toMatchObject({ downloaded: true });
  await writeFile(urlFile, others);
  await expect(runFetchArtifact(several, { log: silentLog })).rejects.toThrow(`there is no URL for ${DIGEST} yet`);
  await expect(runFetchArtifact(flags, { log: silentLog })).rejects.toThrow(
    'fetch-artifact needs either --url or --url-file.',
  );
  await expect(runFetchArtifact([...flags, '--url=file:///etc/passwd'], { log: silentLog })).rejects.toThrow(
    /must begin with http/,
  );
  await expect(
    runFetchArtifact(['--digest=abc', `--path=${path}`, `--url=${url}`], { log: silentLog }),
  ).rejects.toThrow(/^fetch-artifact: --digest=abc is not the artifact's sha256 digest/);
});

it('trusts an authority that is beside the URL, besides the public ones', async () => {
  const pki = await openPki({ dir: join(folder, 'pki'), bind: '127.0.0.1' });
  const server = createSecureServer({ key: pki.server.key, cert: pki.server.cert }, (request, response) =>
    serve(request, response, BYTES),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const urlFile = join(folder, 'url');
  await writeFile(urlFile, `https://127.0.0.1:${(server.address() as AddressInfo).port}/model.onnx\n`);
  const flags = [`--digest=${DIGEST}`, `--path=${path}`, `--url-file=${urlFile}`, '--attempts=1'];
  // A process of its own, as in a pod: it trusts for all of it.
  const step = () => promisify(execFile)(process.execPath, [MAIN, 'fetch-artifact', ...flags]);
  try {
    await expect(step()).rejects.toThrow(/could not be fetched in 1 tries; the last: .*certificate/);
    const broken = '-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n';
    await writeFile(join(folder, 'ca.crt'), broken);
    await expect(step()).rejects.toThrow(/the last: .*certificate/);
    await writeFile(join(folder, 'ca.crt'), `${broken}# ours\n${pki.ca}# another\n${pki.ca}`);
    await step();
    expect(await readFile(path)).toEqual(BYTES);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
