/** Deployment → ReplicaSet → Pods where no node runs any: the test says of pods that they are ready. */
import type { KubeObject } from '../../../../src/platform/cluster/port.ts';
import { DEPLOYMENTS, EVENTS, PODS, REPLICASETS } from '../../../../src/platform/cluster/resources.ts';
import type { Story, Tale } from './story.ts';

type Condition = { type: string; status: string; reason?: string; message?: string };
type Deployment = KubeObject & {
  spec: Record<string, unknown>;
  status: Record<string, unknown> & { conditions?: Condition[] };
};
type Pod = KubeObject & { spec: Record<string, unknown>; status: { phase: string; conditions?: Condition[] } };

const web = (namespace: string, image: string, more: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace },
  spec: {
    replicas: 2,
    progressDeadlineSeconds: 600,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { automountServiceAccountToken: false, containers: [{ name: 'web', image }] },
    },
    ...more,
  },
});

/** Names that were made up, numbered by their age. */
function named(text: unknown, sets: readonly KubeObject[]): unknown {
  let json = JSON.stringify(text);
  for (const [at, { metadata }] of sets.entries()) {
    const pods = new RegExp(`${metadata.name}-[a-z0-9]{5}`, 'g');
    json = json.replace(pods, `SET${at + 1}-POD`).replaceAll(metadata.name, `SET${at + 1}`);
  }
  return JSON.parse(json);
}

/** The number itself counts in how many steps it was scaled: as many as pods became ready one by one. */
const isObserved = ({ metadata, status }: ReplicaSet): boolean => status['observedGeneration'] === metadata.generation;

interface ReplicaSet extends KubeObject {
  status: Record<string, unknown>;
}

async function setsOf({ lab, namespace }: Story): Promise<ReplicaSet[]> {
  const { items } = await lab.port.list<ReplicaSet>(REPLICASETS, { namespace });
  const revision = (one: KubeObject): number => Number(one.metadata.annotations?.['deployment.kubernetes.io/revision']);
  return items.sort((a, b) =>
    (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : revision(a) - revision(b),
  );
}

const podsOf = async ({ lab, namespace }: Story): Promise<Pod[]> =>
  (await lab.port.list<Pod>(PODS, { namespace })).items.filter(({ metadata }) => !metadata.deletionTimestamp);

/** What a person sees of it, when nothing moves any more. */
async function picture(story: Story): Promise<unknown> {
  const { lab, namespace } = story;
  const { metadata, status } = await lab.port.get<Deployment>(DEPLOYMENTS, 'web', namespace);
  const sets = await setsOf(story);
  const { conditions = [], ...counts } = status;
  const brief = conditions
    .map(({ type, status: is, reason, message }) => ({ type, status: is, reason, message }))
    .sort((a, b) => (a.type < b.type ? -1 : 1));
  return named(
    {
      generation: metadata.generation,
      revision: metadata.annotations?.['deployment.kubernetes.io/revision'],
      status: Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))),
      conditions: brief,
      sets: sets.map((set) => ({
        revision: set.metadata.annotations?.['deployment.kubernetes.io/revision'],
        desired: set.metadata.annotations?.['deployment.kubernetes.io/desired-replicas'],
        most: set.metadata.annotations?.['deployment.kubernetes.io/max-replicas'],
        replicas: (set.spec as { replicas: number }).replicas,
        status: { ...set.status, observedGeneration: isObserved(set) },
        owner: set.metadata.ownerReferences?.map(({ kind, name, controller, blockOwnerDeletion }) => ({
          kind,
          name,
          controller,
          blockOwnerDeletion,
        })),
        labels: Object.keys(set.metadata.labels ?? {}),
      })),
      pods: (await podsOf(story)).length,
    },
    sets,
  );
}

/** Says of each pod of the newest image that it is ready, as a kubelet would. */
async function makeReady(story: Story, image: string, count: number): Promise<void> {
  const { lab, namespace, until } = story;
  await until(async () => {
    const pods = (await podsOf(story)).filter(
      ({ spec }) => (spec['containers'] as { image: string }[])[0]?.image === image,
    );
    for (const pod of pods) {
      if (pod.status.phase === 'Running') continue;
      const now = new Date().toISOString().replace(/\.\d+/, '');
      const conditions = ['Ready', 'ContainersReady'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: now,
        lastProbeTime: null,
      }));
      const others = (pod.status.conditions ?? []).filter(({ type }) => !type.includes('Ready'));
      const status = { phase: 'Running', conditions: [...others, ...conditions] };
      await lab.port.patch(PODS, pod.metadata.name, namespace, 'merge', { status }, { subresource: 'status' });
    }
    if (pods.length < count) throw new Error(`${pods.length} of ${count} pods are there`);
  });
}

async function settled(
  story: Story,
  check: (status: Deployment['status'], deployment: Deployment) => boolean,
): Promise<void> {
  const { lab, namespace, until } = story;
  await until(async () => {
    const found = await lab.port.get<Deployment>(DEPLOYMENTS, 'web', namespace);
    const isSeen = found.status['observedGeneration'] === found.metadata.generation;
    const areSeen = (await setsOf(story)).every(isObserved);
    if (!isSeen || !areSeen || !check(found.status, found))
      throw new Error(`not there yet: ${JSON.stringify(found.status)}`);
  });
}

const says = (status: Deployment['status'], type: string, reason: string): boolean =>
  status.conditions?.some((one) => one.type === type && one.reason === reason) ?? false;

export const deployments: Tale = async (story) => {
  const { lab, namespace, tell, until } = story;
  const { port } = lab;
  await port.create(DEPLOYMENTS, web(namespace, 'web:1'));
  await settled(
    story,
    (status) =>
      status['unavailableReplicas'] === 2 &&
      says(status, 'Available', 'MinimumReplicasUnavailable') &&
      says(status, 'Progressing', 'ReplicaSetUpdated'),
  );
  tell('made', await picture(story));
  const pending = await until(async () => {
    const pods = await podsOf(story);
    const all = pods.flatMap(({ status }) => (status.conditions ?? []).filter(({ type }) => type === 'PodScheduled'));
    if (all.length !== 2) throw new Error('the scheduler has not spoken yet');
    return all.map(({ type, status, reason, message }) => ({ type, status, reason, message }));
  });
  tell('pods without a node', pending[0]);

  await makeReady(story, 'web:1', 2);
  await settled(
    story,
    (status) => status['availableReplicas'] === 2 && says(status, 'Progressing', 'NewReplicaSetAvailable'),
  );
  tell('ready', await picture(story));

  await port.patch(DEPLOYMENTS, 'web', namespace, 'merge', { spec: { replicas: 4 } });
  await makeReady(story, 'web:1', 4);
  await settled(story, (status) => status['availableReplicas'] === 4);
  tell('scaled', await picture(story));

  await port.replace(DEPLOYMENTS, web(namespace, 'web:2', { replicas: 4 }));
  await settled(story, (status) => status['updatedReplicas'] === 2 && status['replicas'] === 5);
  tell('a new image: one more, one less', await picture(story));
  await makeReady(story, 'web:2', 4);
  await settled(
    story,
    (status) => status['updatedReplicas'] === 4 && status['availableReplicas'] === 4 && status['replicas'] === 4,
  );
  tell('replaced', await picture(story));

  await port.patch(DEPLOYMENTS, 'web', namespace, 'merge', { spec: { paused: true } });
  await port.patch(DEPLOYMENTS, 'web', namespace, 'merge', {
    spec: { template: { metadata: { labels: { v: '3' } } } },
  });
  await settled(story, (status) => says(status, 'Progressing', 'DeploymentPaused'));
  tell('paused: nothing new', await picture(story));

  await port.delete(DEPLOYMENTS, 'web', namespace, { propagationPolicy: 'Background' });
  await until(async () => {
    const left = (await setsOf(story)).length + (await podsOf(story)).length;
    if (left > 0) throw new Error(`${left} are left`);
  });
  tell('deleted with all it owned', 'yes');
};

export const happenings: Tale = async (story) => {
  const { lab, namespace, tell, until } = story;
  await lab.port.create(DEPLOYMENTS, web(namespace, 'web:1', { replicas: 1 }));
  type Event = KubeObject & {
    reason: string;
    message: string;
    type: string;
    involvedObject: { kind: string };
    source?: { component?: string };
  };
  const events = await until(async () => {
    const { items } = await lab.port.list<Event>(EVENTS, { namespace });
    for (const reason of ['ScalingReplicaSet', 'SuccessfulCreate', 'FailedScheduling'])
      if (!items.some((event) => event.reason === reason)) throw new Error(`no ${reason} yet`);
    return items;
  });
  const brief = events.map((event) => ({
    of: event.involvedObject.kind,
    type: event.type,
    reason: event.reason,
    message: event.message,
  }));
  tell(
    'events',
    named(
      brief.sort((a, b) => (a.reason < b.reason ? -1 : 1)),
      await setsOf(story),
    ),
  );
};
