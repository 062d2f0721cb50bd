/** The kubeconfig that a start writes down: the context it was started with, wherever the person's own file goes. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { pinKubeconfig } from '../../../src/platform/cluster/credentials.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clops-kubeconfig-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('it has the current context alone, with files by their whole paths, for its owner alone', () => {
  const [from, to] = [join(folder, 'mine'), join(folder, 'pinned')];
  const cluster = (name: string) => ({
    name,
    cluster: { server: `https://${name}`, 'certificate-authority': 'ca.crt' },
  });
  const user = (name: string) => ({
    name,
    user: { 'client-certificate': '/etc/x.crt', 'client-key': `${name}.key`, exec: { command: 'login' } },
  });
  const context = (name: string) => ({ name, context: { cluster: name, user: name, namespace: 'speech' } });
  const file = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'kind',
    clusters: [cluster('work'), cluster('kind')],
    users: [user('work'), user('kind')],
    contexts: [context('work'), context('kind')],
  };
  writeFileSync(from, stringify(file));
  writeFileSync(to, 'of an earlier start', { mode: 0o644 });
  pinKubeconfig(from, to);
  expect(parse(readFileSync(to, 'utf8'))).toEqual({
    ...file,
    clusters: [{ name: 'kind', cluster: { server: 'https://kind', 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [
      {
        name: 'kind',
        user: {
          'client-certificate': '/etc/x.crt',
          'client-key': join(folder, 'kind.key'),
          exec: { command: 'login' },
        },
      },
    ],
    contexts: [context('kind')],
  });
  expect(statSync(to).mode & 0o777).toBe(0o600);
});
