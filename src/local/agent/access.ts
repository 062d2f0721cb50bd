/**
 * Who may read logs of a node that has joined somebody's cluster, as a kubelet has it: the caller shows a certificate of an
 * authority that the cluster says its clients have, and the cluster is asked whether this user may `get` `nodes/proxy` of
 * this node. In the local cluster all clients are administrators, and nothing of this is needed.
 */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { createInformer } from '../../platform/cluster/informer.ts';
import type { ClusterPort, KubeObject } from '../../platform/cluster/port.ts';
import { CONFIGMAPS, SUBJECTACCESSREVIEWS } from '../../platform/cluster/resources.ts';

export interface Caller {
  user: string;
  groups: readonly string[];
}

export interface Access {
  /** Hears the authorities' certificates (PEM) when they are known and whenever they change. */
  onAuthorities(listener: (pem: string) => void): void;
  /** Why the caller may not read logs of this node, in a kubelet's words. Throws when the cluster could not be asked. */
  refusal(caller: Caller, node: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Every API server writes it: which authorities it knows clients by. */
const PLACE = { namespace: 'kube-system', name: 'extension-apiserver-authentication', key: 'client-ca-file' };
/** As long as a kubelet believes an answer. */
const ALLOWED_MS = 5 * 60_000;
const REFUSED_MS = 30_000;
/** Callers are the API server and few others. */
const MOST_ANSWERS = 100;

interface Answer {
  allowed: Promise<boolean>;
  until: number;
}

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

interface Review extends KubeObject {
  status?: { allowed: boolean };
}

export function createAccess({ cluster, log, clock }: { cluster: ClusterPort; log: Log; clock: Clock }): Access {
  const listeners = new Set<(pem: string) => void>();
  const answers = new Map<string, Answer>();
  let authorities: string | undefined;
  const configMap = createInformer<ConfigMap>({
    cluster,
    resource: CONFIGMAPS,
    selectors: { namespace: PLACE.namespace, fieldSelector: `metadata.name=${PLACE.name}` },
    log,
    clock,
  });
  configMap.onChange(({ object }) => {
    const pem = object.data?.[PLACE.key];
    if (pem === undefined || pem === authorities) return;
    authorities = pem;
    for (const listener of listeners) listener(pem);
  });
  configMap.start();

  async function review({ user, groups }: Caller, node: string): Promise<boolean> {
    const resourceAttributes = { verb: 'get', resource: 'nodes', subresource: 'proxy', name: node, version: 'v1' };
    const asked: Review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: { name: '' },
      spec: { user, groups, resourceAttributes },
    };
    const { status } = await cluster.create<Review>(SUBJECTACCESSREVIEWS, asked);
    return status?.allowed ?? false;
  }

  function ask(caller: Caller, node: string): Promise<boolean> {
    const key = JSON.stringify([node, caller.user, ...caller.groups]);
    const known = answers.get(key);
    if (known && known.until > clock.monotonic()) return known.allowed;
    const answer: Answer = { allowed: review(caller, node), until: clock.monotonic() + REFUSED_MS };
    answers.delete(key);
    answers.set(key, answer);
    const [oldest] = answers.keys();
    if (answers.size > MOST_ANSWERS && oldest !== undefined) answers.delete(oldest);
    answer.allowed.then(
      (allowed) => {
        if (allowed) answer.until = clock.monotonic() + ALLOWED_MS;
      },
      () => answers.get(key) === answer && answers.delete(key), // not an answer: asked again by the next
    );
    return answer.allowed;
  }

  return {
    onAuthorities(listener) {
      listeners.add(listener);
      if (authorities !== undefined) listener(authorities);
    },
    async refusal(caller, node) {
      if (await ask(caller, node)) return undefined;
      return `Forbidden (user=${caller.user}, verb=get, resource=nodes, subresource(s)=[proxy])`;
    },
    close: () => configMap.stop(),
  };
}
