/**
 * A cluster under test, whichever it is: the port that the platform uses, and plain requests for what the port does not
 * show (warnings, tables, refusals of another's mistakes).
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';
import { readCurrentContext } from '../../../src/platform/cluster/credentials.ts';
import type { ClusterPort, KubeObject } from '../../../src/platform/cluster/port.ts';
import { CRDS, NAMESPACES } from '../../../src/platform/cluster/resources.ts';
import { eventually } from '../../support/eventually.ts';

/** What a suite is given: a running cluster with controllers and without nodes. */
export interface Started {
  port: ClusterPort;
  kubeconfig: string;
  /** A version of ModelDeployments whose past is gone. */
  tooOld(): Promise<string>;
  stop(): Promise<void>;
}

export interface Answer {
  code: number;
  warnings: string[];
  body: unknown;
}

export interface Asked {
  body?: unknown;
  type?: keyof typeof TYPES;
  accept?: string;
  agent?: string;
}

export const TYPES = {
  json: 'application/json',
  yaml: 'application/yaml',
  merge: 'application/merge-patch+json',
  jsonpatch: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export interface Lab {
  port: ClusterPort;
  kubeconfig: string;
  ask(method: string, path: string, asked?: Asked): Promise<Answer>;
  /** A namespace of its own; nothing waits for its end. */
  namespace(topic: string): Promise<string>;
  /** Our own kinds are served. */
  installCrds(): Promise<void>;
  tooOld(): Promise<string>;
  close(): Promise<void>;
}

const OWN_CRDS = ['modeldeployments', 'rolloutcommands', 'servingruntimes'].map(
  (plural) => parse(readFileSync(`deploy/crds/${plural}.yaml`, 'utf8')) as KubeObject,
);

export function openLab(started: Omit<Started, 'tooOld'> & Partial<Started>): Lab {
  const { port, kubeconfig } = started;
  const { cluster = {}, user = {} } = readCurrentContext(kubeconfig);
  const data = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
  const agent = new Agent({
    keepAlive: true,
    ca: data(cluster['certificate-authority-data']),
    cert: data(user['client-certificate-data']),
    key: data(user['client-key-data']),
  });

  async function ask(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    const { body, type = 'json', accept = 'application/json', agent: name = 'contract/1' } = asked;
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const headers = {
      accept,
      'user-agent': name,
      ...(text !== undefined && { 'content-type': TYPES[type], 'content-length': Buffer.byteLength(text) }),
    };
    const sent = request(`${cluster['server'] ?? ''}${encodeURI(path)}`, { method, agent, headers, timeout: 20_000 });
    sent.end(text);
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    let received = '';
    for await (const chunk of response) received += String(chunk);
    const warnings = [response.headers['warning'] ?? []].flat().flatMap((one) => one.split(/, (?=299 )/));
    return { code: response.statusCode ?? 0, warnings, body: parsed(received) };
  }

  return {
    port,
    kubeconfig,
    ask,
    async namespace(topic) {
      const name = `${topic}-${randomBytes(3).toString('hex')}`;
      await port.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      // A real cluster's controllers make it a moment later, and pods are refused until then.
      await eventually(async () => {
        const { code } = await ask('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`);
        if (code !== 200) throw new Error(`no default service account in ${name} yet`);
      });
      return name;
    },
    async installCrds() {
      for (const crd of OWN_CRDS) {
        await port.apply(CRDS, crd, { fieldManager: 'contract', force: true });
        const { group, names } = crd.spec as { group: string; names: { plural: string } };
        await eventually(async () => {
          const { code } = await ask('GET', `/apis/${group}/v1alpha1/${names.plural}`);
          if (code !== 200) throw new Error(`${names.plural} are not served yet`);
        });
      }
    },
    tooOld: () => started.tooOld?.() ?? Promise.reject(new Error('this lab has no version that is too old')),
    async close() {
      agent.destroy();
      await started.stop();
    },
  };
}

/** JSON, lines of it (a watch that has ended), or text. */
function parsed(text: string): unknown {
  for (const read of [
    JSON.parse,
    (lines: string) =>
      lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
  ]) {
    try {
      return read(text) as unknown;
    } catch {
      // not this form
    }
  }
  return text;
}
