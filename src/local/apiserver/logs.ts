/**
 * `kubectl logs`: finds the node that runs a pod and hands its log endpoint's answer on, as kube-apiserver does with a
 * kubelet. The node's certificate is not verified (a kube-apiserver without --kubelet-certificate-authority): it proves
 * nothing here that the address of the Node object does not.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { isObject, listAt, objectAt, type Plain } from './json.ts';
import type { Pair } from './pki.ts';
import { badRequest, invalid, Refusal } from './status.ts';
import type { ApiRequest, ApiResponse, FieldError } from './types.ts';

export interface PodLogs {
  /** Throws a Refusal. */
  read(request: ApiRequest, namespace: string, name: string): Promise<ApiResponse>;
  close(): void;
}

export interface PodLogsOptions {
  /** What this server is to the nodes. */
  client: Pair;
  /** An object by its path, or its Refusal. */
  get(path: string, request: ApiRequest): Promise<Plain>;
  connectTimeoutMs?: number;
}

const PASSED = ['follow', 'previous', 'timestamps', 'sinceTime', 'sinceSeconds', 'tailLines', 'limitBytes'];
/** The least value of each option that is a number. */
const NUMBERS = { tailLines: 0, sinceSeconds: 1, limitBytes: 1 } as const;
const KUBELET_PORT = 10250;

export function createPodLogs({ client, get, connectTimeoutMs = 10_000 }: PodLogsOptions): PodLogs {
  const agent = new Agent({ ...client, rejectUnauthorized: false, keepAlive: false });

  return {
    async read(request, namespace, name) {
      const query = optionsOf(request.query);
      const pod = await get(`/api/v1/namespaces/${namespace}/pods/${name}`, request);
      const container = containerOf(pod, request.query.get('container') ?? '');
      const nodeName = objectAt(pod, 'spec')['nodeName'];
      if (typeof nodeName !== 'string' || nodeName === '') return { status: 204 };
      const node = await get(`/api/v1/nodes/${encodeURIComponent(nodeName)}`, request);
      const search = query.size > 0 ? `?${query}` : '';
      const url = `https://${endpointOf(node, nodeName)}/containerLogs/${namespace}/${name}/${container}${search}`;
      const answer = await ask(url, agent, connectTimeoutMs, request.signal);
      if (answer.statusCode !== 200) throw await refusalOf(answer, namespace, name);
      return { status: 200, headers: { 'content-type': 'text/plain' }, stream: bytesOf(answer) };
    },
    close: () => agent.destroy(),
  };
}

/** What the node is asked for. */
function optionsOf(given: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams();
  const errors: FieldError[] = [];
  for (const name of PASSED) {
    const value = given.get(name);
    if (value === null || value === '') continue;
    if (name in NUMBERS) {
      const least = NUMBERS[name as keyof typeof NUMBERS];
      if (!/^-?\d+$/.test(value))
        throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
      const detail = least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0';
      if (Number(value) < least) errors.push({ type: 'Invalid', field: name, value: Number(value), detail });
    }
    passed.set(name, value);
  }
  if (passed.has('sinceTime') && passed.has('sinceSeconds')) {
    const detail = 'at most one of `sinceTime` or `sinceSeconds` may be specified';
    errors.push({ type: 'Forbidden', field: '', detail });
  }
  if (errors.length > 0) throw invalid({ kind: 'PodLogOptions', group: '' }, '', errors);
  return passed;
}

function containerOf(pod: Plain, asked: string): string {
  const spec = objectAt(pod, 'spec');
  const name = String(objectAt(pod, 'metadata')['name']);
  const namesIn = (field: string): string[] => listAt(spec, field).map((one) => String(isObject(one) && one['name']));
  const [containers, init] = [namesIn('containers'), namesIn('initContainers')];
  if (asked !== '') {
    if ([...containers, ...init].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only, ...others] = containers;
  if (only === undefined) throw badRequest(`a container name must be specified for pod ${name}`);
  if (others.length === 0) return only;
  const more = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]${more}`,
  );
}

function endpointOf(node: Plain, name: string): string {
  const status = objectAt(node, 'status');
  const addresses = listAt(status, 'addresses').filter(isObject);
  const found = ['InternalIP', 'Hostname'].map((type) => addresses.find((one) => one['type'] === type)).find(Boolean);
  if (!found) {
    const message = `no preferred addresses found; known addresses: []`;
    throw new Refusal({ code: 500, message: `node ${JSON.stringify(name)}: ${message}` });
  }
  const port = objectAt(objectAt(status, 'daemonEndpoints'), 'kubeletEndpoint')['Port'];
  const address = String(found['address']);
  return `${address.includes(':') ? `[${address}]` : address}:${typeof port === 'number' ? port : KUBELET_PORT}`;
}

function ask(url: string, agent: Agent, connectTimeoutMs: number, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => sent.destroy(new Error('net/http: TLS handshake timeout')), connectTimeoutMs);
    const sent = httpsRequest(url, { agent, signal }, (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const { host } = new URL(url);
      const why = error.code === 'ECONNREFUSED' ? `dial tcp ${host}: connect: connection refused` : error.message;
      reject(new Refusal({ code: 500, message: `Get ${JSON.stringify(url)}: ${why}` }));
    });
    sent.end();
  });
}

/** The node's own words, which come as text: `container "x" in pod "y" is waiting to start: ContainerCreating`. */
async function refusalOf(answer: IncomingMessage, namespace: string, name: string): Promise<Refusal> {
  let message = '';
  for await (const chunk of answer) {
    message += String(chunk);
    if (message.length > 10_000) break;
  }
  message = message.trim();
  const code = answer.statusCode ?? 500;
  if (code === 400) return badRequest(message);
  if (code === 404) {
    const details = { name, kind: 'pods' };
    const words = `the server could not find the requested resource ( pods/log ${name})`;
    return new Refusal({ code, reason: 'NotFound', message: message || words, details });
  }
  const where = `pods "${name}" in namespace "${namespace}"`;
  return new Refusal({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${message || `the node answered ${code} for ${where}`}`,
  });
}

/** A connection that breaks ends the log: what was read stands, as with a real kubelet. */
async function* bytesOf(answer: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (error) {
    if (!['ECONNRESET', 'ABORT_ERR'].includes(String((error as NodeJS.ErrnoException).code))) throw error;
  }
}
