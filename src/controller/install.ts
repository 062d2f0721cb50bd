/**
 * What must be in a cluster before anything can be served: the custom resources, the platform's namespace, the runtimes
 * that come with it and, where the cluster has no gateway of its own, the Gateway. Server-side apply, so that a second
 * install changes nothing and an upgrade changes only what it must.
 */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import {
  CONTROLLER_LEASE,
  CONTROLLER_MANAGER,
  GATEWAY_CLASS,
  GATEWAY_CONTROLLER,
  GATEWAY_NAME,
  LABELS,
  SYSTEM_NAMESPACE,
} from '../contract/names.ts';
import type { PodSecurityContext, ServingRuntime } from '../contract/servingruntime.ts';
import { createBackoff } from '../lib/backoff.ts';
import { type ClusterPort, isNotFound, type KubeObject, type Resource } from '../platform/cluster/port.ts';
import { CRDS, GATEWAYCLASSES, GATEWAYS, LEASES, NAMESPACES, SERVINGRUNTIMES } from '../platform/cluster/resources.ts';

/** The same place seen from src/controller and from dist/controller. */
const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));

export interface InstallOptions {
  /** Also make the GatewayClass and the Gateway `clops`: for the local cluster. */
  gateway: boolean;
  /** What the built-in runtimes are made of in this cluster. Default: the name of an image that only the local one knows. */
  runtimes?: { image: string; pullPolicy?: string; pullSecrets?: readonly string[]; isAnyUser?: boolean };
  /** Without the custom resources, which are there. */
  runtimesOnly?: boolean;
  /** Where pods of the built-in runtimes may run, when not every node has their image. */
  placement?: ServingRuntime['spec']['placement'];
  /** Port of the Gateway's listener. */
  gatewayPort?: number;
  signal?: AbortSignal;
}

export async function install(cluster: ClusterPort, options: InstallOptions): Promise<void> {
  const { gateway, gatewayPort = 8080, signal } = options;
  const apply = (resource: Resource, object: KubeObject): Promise<KubeObject> =>
    cluster.apply(resource, object, { fieldManager: CONTROLLER_MANAGER, force: true, ...(signal && { signal }) });

  const crds = options.runtimesOnly ? [] : await manifests('crds');
  await Promise.all(crds.map((crd) => apply(CRDS, crd)));
  await Promise.all(crds.map((crd) => established(cluster, crd.metadata.name, signal)));
  for (const runtime of await manifests('runtimes')) {
    const placed = options.placement ? withPlacement(runtime, options.placement) : runtime;
    const wanted = options.runtimes ? withImage(placed, options.runtimes) : placed;
    await served(() => apply(SERVINGRUNTIMES, wanted));
  }
  if (!gateway) return;
  await apply(NAMESPACES, named('v1', 'Namespace', SYSTEM_NAMESPACE));
  await apply(GATEWAYCLASSES, {
    ...named(GATEWAY_API, 'GatewayClass', GATEWAY_CLASS),
    spec: { controllerName: GATEWAY_CONTROLLER },
  });
  const listener = {
    name: 'http',
    protocol: 'HTTP',
    port: gatewayPort,
    allowedRoutes: { namespaces: { from: 'All' } },
  };
  await apply(GATEWAYS, {
    ...named(GATEWAY_API, 'Gateway', GATEWAY_NAME, SYSTEM_NAMESPACE),
    spec: { gatewayClassName: GATEWAY_CLASS, listeners: [listener] },
  });
}

/** A lease lasts 15 s; clocks may differ by the rest. */
const DEAD_AFTER_MS = 60_000;

interface Lease extends KubeObject {
  spec?: { holderIdentity?: string; renewTime?: string };
}

/** The namespace of another installation whose controller has lately held its lease. */
export async function otherInstallation(cluster: ClusterPort, namespace: string): Promise<string | undefined> {
  const { items } = await cluster.list<Lease>(LEASES, { fieldSelector: `metadata.name=${CONTROLLER_LEASE}` });
  const isHeld = ({ metadata, spec }: Lease): boolean =>
    metadata.namespace !== namespace &&
    Boolean(spec?.holderIdentity) &&
    Date.now() - Date.parse(spec?.renewTime ?? '') < DEAD_AFTER_MS;
  return items.find(isHeld)?.metadata.namespace;
}

/** A gateway of somebody else learns later than ours that a pod is ending: Traefik after up to 2 s. */
const LINGER = '--linger-ms=5000';

function withImage(runtime: KubeObject, given: NonNullable<InstallOptions['runtimes']>): KubeObject {
  const { container, fetch, podSecurityContext, ...spec } = (runtime as ServingRuntime).spec;
  const { image, pullPolicy, pullSecrets, isAnyUser } = given;
  const from = { image, ...(pullPolicy && { imagePullPolicy: pullPolicy }) };
  const secrets = pullSecrets && { imagePullSecrets: pullSecrets.map((name) => ({ name })) };
  return {
    ...runtime,
    spec: {
      ...spec,
      ...secrets,
      ...(podSecurityContext && {
        podSecurityContext: isAnyUser ? withoutUser(podSecurityContext) : podSecurityContext,
      }),
      container: { ...container, ...from, args: [...(container.args ?? []), LINGER] },
      fetch: { ...fetch, ...from },
    },
  };
}

/** The cluster gives each namespace users of its own, and refuses pods that name another. */
const withoutUser = ({ runAsUser, runAsGroup, ...rest }: PodSecurityContext): PodSecurityContext => rest;

const withPlacement = (runtime: KubeObject, placement: InstallOptions['placement']): KubeObject => ({
  ...runtime,
  spec: { ...(runtime as ServingRuntime).spec, placement },
});

const GATEWAY_API = 'gateway.networking.k8s.io/v1';

function named(apiVersion: string, kind: string, name: string, namespace?: string): KubeObject {
  const labels = { [LABELS.managedBy]: 'clops' };
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }), labels } };
}

async function manifests(folder: 'crds' | 'runtimes'): Promise<KubeObject[]> {
  const files = (await readdir(`${DEPLOY}/${folder}`)).filter((file) => file.endsWith('.yaml')).sort();
  return Promise.all(
    files.map(async (file) => parse(await readFile(`${DEPLOY}/${folder}/${file}`, 'utf8')) as KubeObject),
  );
}

interface Crd extends KubeObject {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

const isEstablished = (crd: Crd): boolean =>
  crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;

/** Resolves when the API server serves the kind; until then every object of it would be a 404. */
async function established(cluster: ClusterPort, name: string, signal?: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(30_000);
  const waiting = signal ? AbortSignal.any([signal, limit]) : limit;
  const selectors = { fieldSelector: `metadata.name=${name}`, signal: waiting };
  for (;;) {
    const { items, resourceVersion } = await cluster.list<Crd>(CRDS, selectors);
    if (items.some(isEstablished)) return;
    for await (const event of cluster.watch<Crd>(CRDS, { ...selectors, resourceVersion })) {
      if (event.type !== 'BOOKMARK' && isEstablished(event.object)) return;
    }
    waiting.throwIfAborted();
  }
}

/** A real API server answers 404 for a moment after a CRD was established: its handlers follow by a watch of their own. */
async function served(write: () => Promise<unknown>): Promise<void> {
  const backoff = createBackoff({ initialMs: 50 });
  for (let attempt = 1; ; attempt++) {
    try {
      await write();
      return;
    } catch (error) {
      if (!isNotFound(error) || attempt === 8) throw error;
      await sleep(backoff.next());
    }
  }
}
