/** Deployment → ReplicaSets: the new set is made, sizes move step by step (sizes.ts), the status says how it goes. */
import { sameJson } from '../../lib/canonical.ts';
import type { Outcome } from '../../lib/workqueue.ts';
import { keyOf } from '../../platform/cluster/informer.ts';
import { isAlreadyExists, isNotFound } from '../../platform/cluster/port.ts';
import { DEPLOYMENTS, REPLICASETS } from '../../platform/cluster/resources.ts';
import { conditionOf, type Deployment, type DeploymentStatus, isPodFinished, type ReplicaSet } from '../kinds.ts';
import { createQueue } from '../queue.ts';
import { createRecorder } from '../recorder.ts';
import { type Context, type Controller, FIELD_MANAGER, isTerminating, statusPatch } from './context.ts';
import {
  countedStatus,
  hasDeadline,
  isComplete,
  msUntilDeadline,
  newCondition,
  rolloutStatus,
  withCondition,
} from './deploymentStatus.ts';
import { claim, controllerOf, selects } from './ownership.ts';
import {
  findNewSet,
  forgettable,
  isScaled,
  newSetOf,
  nextRevision,
  REVISION,
  revisionOf,
  setAnnotations,
  sizeAnnotations,
  sizeOf,
} from './revisions.ts';
import { fencesOf, newSetReplicas, proportionalStep, type Resize, rollingStep } from './sizes.ts';

/** One look at a Deployment: what was found, changed along the way as writes are answered. */
interface Look {
  deployment: Deployment;
  newSet: ReplicaSet | undefined;
  oldSets: ReplicaSet[];
}

export function startDeploymentController(context: Context): Controller {
  const { cluster, caches, clock, log } = context;
  const recorder = createRecorder({ cluster, component: 'deployment-controller', log, clock });
  const queue = createQueue(context, 'deployment', sync);
  const write = { fieldManager: FIELD_MANAGER };

  caches.deployments.onChange(({ object }) => queue.add(keyOf(object)));
  caches.replicaSets.onChange(({ type, object, old }) => {
    for (const owner of [controllerOf(object), old && controllerOf(old)]) {
      if (owner?.kind === 'Deployment') queue.add(`${object.metadata.namespace}/${owner.name}`);
    }
    if (controllerOf(object) !== undefined || type === 'deleted') return;
    for (const deployment of caches.deployments.by('namespace', object.metadata.namespace ?? '')) {
      if (selects(deployment.spec.selector, object.metadata.labels)) queue.add(keyOf(deployment));
    }
  });
  // Recreate waits for the last old pod to be gone, of which no ReplicaSet's status tells.
  caches.pods.onChange(({ type, object }) => {
    if (type !== 'deleted') return;
    const set = caches.replicaSets.get(`${object.metadata.namespace}/${controllerOf(object)?.name}`);
    const owner = set && controllerOf(set);
    if (owner?.kind === 'Deployment') queue.add(`${object.metadata.namespace}/${owner.name}`);
  });

  async function sync(key: string): Promise<Outcome | undefined> {
    const deployment = caches.deployments.get(key);
    if (!deployment) return undefined;
    const sets = await claimSets(deployment);
    const newSet = findNewSet(deployment, sets);
    const look: Look = { deployment, newSet, oldSets: sets.filter((set) => set !== newSet) };

    if (deployment.metadata.deletionTimestamp !== undefined) return report(look, countedStatus);
    notePause(look);
    try {
      if (deployment.spec.paused || isScaled(deployment, sets)) return await scale(look);
      if (deployment.spec.strategy?.type === 'Recreate') return await recreate(look);
      return await roll(look);
    } catch (error) {
      if (isTerminating(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  function claimSets(deployment: Deployment): Promise<ReplicaSet[]> {
    return claim({
      cluster,
      owner: deployment,
      ownerResource: DEPLOYMENTS,
      selector: deployment.spec.selector,
      resource: REPLICASETS,
      candidates: [
        ...caches.replicaSets.by('owner', deployment.metadata.uid ?? ''),
        ...caches.replicaSets.by('orphan', deployment.metadata.namespace ?? ''),
      ],
      fieldManager: FIELD_MANAGER,
    });
  }

  /** A pause stops the deadline's clock, and resuming starts it anew. */
  function notePause(look: Look): void {
    const { deployment } = look;
    const current = conditionOf(deployment, 'Progressing');
    if (!hasDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return;
    const noted = current?.reason === 'DeploymentPaused';
    if (deployment.spec.paused && !noted) setProgressing(look, 'Unknown', 'DeploymentPaused', 'Deployment is paused');
    if (!deployment.spec.paused && noted) setProgressing(look, 'Unknown', 'DeploymentResumed', 'Deployment is resumed');
  }

  /** In this look only; it is written with the status at the end. */
  function setProgressing(look: Look, status: 'True' | 'Unknown', reason: string, message: string): void {
    const { deployment } = look;
    const next = newCondition('Progressing', status, reason, message, clock.now());
    const conditions = withCondition(deployment.status?.conditions ?? [], next);
    look.deployment = { ...deployment, status: { ...deployment.status, conditions } };
  }

  async function scale(look: Look): Promise<Outcome | undefined> {
    const { deployment, newSet, oldSets } = look;
    if (newSet) await refreshNewSet(look, newSet);
    const steps = proportionalStep(deployment, look.newSet && sizeOf(look.newSet), oldSets.map(sizeOf));
    // Sets whose size stays must learn the new number too, or this would count as a scaling for ever.
    const all = look.newSet ? [...oldSets, look.newSet] : oldSets;
    const kept = all.filter(
      (set) => (set.spec.replicas ?? 1) > 0 && !steps.some(({ name }) => name === set.metadata.name),
    );
    await resize(look, [
      ...steps,
      ...kept.map((set) => ({ name: set.metadata.name, replicas: set.spec.replicas ?? 1 })),
    ]);
    if (deployment.spec.paused) await forget(look);
    return report(look, countedStatus);
  }

  async function recreate(look: Look): Promise<Outcome | undefined> {
    const { deployment, oldSets } = look;
    if (look.newSet) await refreshNewSet(look, look.newSet);
    const active = oldSets.filter((set) => (set.spec.replicas ?? 1) > 0);
    if (active.length > 0) {
      await resize(
        look,
        active.map((set) => ({ name: set.metadata.name, replicas: 0 })),
      );
      return report(look, rolloutStatus);
    }
    const oldPods = oldSets.flatMap((set) => caches.pods.by('owner', set.metadata.uid ?? ''));
    if (oldPods.some((pod) => !isPodFinished(pod))) return report(look, rolloutStatus);
    if (look.newSet) await resize(look, [{ name: look.newSet.metadata.name, replicas: deployment.spec.replicas ?? 1 }]);
    else await createNewSet(look, deployment.spec.replicas ?? 1);
    return finish(look);
  }

  async function roll(look: Look): Promise<Outcome | undefined> {
    const fences = fencesOf(look.deployment);
    if (look.newSet) await refreshNewSet(look, look.newSet);
    else {
      const present = look.oldSets.reduce((sum, set) => sum + (set.spec.replicas ?? 1), 0);
      await createNewSet(look, newSetReplicas(fences, 0, present));
      return report(look, rolloutStatus);
    }
    await resize(look, rollingStep(fences, sizeOf(look.newSet), look.oldSets.map(sizeOf)));
    return finish(look);
  }

  async function finish(look: Look): Promise<Outcome | undefined> {
    if (isComplete(look.deployment, countedStatus(look.deployment, look, clock.now()))) await forget(look);
    return report(look, rolloutStatus);
  }

  /** Revision, handed-on annotations and minReadySeconds of a set that exists; and the revision on the Deployment. */
  async function refreshNewSet(look: Look, set: ReplicaSet): Promise<void> {
    const { deployment, oldSets } = look;
    const annotations = setAnnotations(deployment, set, nextRevision(oldSets));
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
    look.newSet = set;
    if (!sameJson(annotations, set.metadata.annotations ?? {}) || minReadySeconds !== (set.spec.minReadySeconds ?? 0)) {
      const { name, namespace, resourceVersion } = set.metadata;
      const patch = { metadata: { resourceVersion, annotations }, spec: { minReadySeconds } };
      look.newSet = await cluster.patch<ReplicaSet>(REPLICASETS, name, namespace, 'merge', patch, write);
    }
    if (hasDeadline(deployment) && !conditionOf(deployment, 'Progressing')) {
      setProgressing(look, 'True', 'FoundNewReplicaSet', `Found new replica set "${set.metadata.name}"`);
    }
    await noteRevision(look);
  }

  async function noteRevision(look: Look): Promise<void> {
    const revision = look.newSet ? revisionOf(look.newSet) : 0;
    if (revision === 0 || revisionOf(look.deployment) === revision) return;
    const { name, namespace, resourceVersion } = look.deployment.metadata;
    const patch = { metadata: { resourceVersion, annotations: { [REVISION]: String(revision) } } };
    const { metadata } = await cluster.patch<Deployment>(DEPLOYMENTS, name, namespace, 'merge', patch, write);
    look.deployment = { ...look.deployment, metadata };
  }

  async function createNewSet(look: Look, replicas: number): Promise<void> {
    const set = newSetOf(look.deployment, nextRevision(look.oldSets), replicas);
    try {
      look.newSet = await cluster.create(REPLICASETS, set, write);
    } catch (error) {
      if (isAlreadyExists(error)) await meetExisting(look, set);
      else {
        recorder.warning(
          DEPLOYMENTS,
          look.deployment,
          'ReplicaSetCreateError',
          `Failed to create new replica set "${set.metadata.name}": ${error instanceof Error ? error.message : error}`,
        );
        throw error;
      }
      return;
    }
    if (replicas > 0) {
      const words = `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`;
      recorder.normal(DEPLOYMENTS, look.deployment, 'ScalingReplicaSet', words);
    }
    if (hasDeadline(look.deployment)) {
      setProgressing(look, 'True', 'NewReplicaSetCreated', `Created new replica set "${set.metadata.name}"`);
    }
    await noteRevision(look);
  }

  /** The name is taken: by our own set that the cache has not seen yet, or by a stranger, and then we want another. */
  async function meetExisting(look: Look, wanted: ReplicaSet): Promise<void> {
    const { deployment } = look;
    const { name, namespace } = wanted.metadata;
    const existing = await cluster.get<ReplicaSet>(REPLICASETS, name, namespace);
    if (controllerOf(existing)?.uid === deployment.metadata.uid) {
      look.newSet = existing;
      return;
    }
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    const patch = { metadata: { resourceVersion: deployment.metadata.resourceVersion }, status: { collisionCount } };
    const options = { ...write, subresource: 'status' } as const;
    look.deployment = await cluster.patch<Deployment>(
      DEPLOYMENTS,
      deployment.metadata.name,
      namespace,
      'merge',
      patch,
      options,
    );
  }

  async function resize(look: Look, steps: readonly Resize[]): Promise<void> {
    const annotations = sizeAnnotations(look.deployment);
    for (const { name, replicas } of steps) {
      const set = [look.newSet, ...look.oldSets].find((candidate) => candidate?.metadata.name === name);
      if (!set) continue;
      const before = set.spec.replicas ?? 1;
      const noted = Object.entries(annotations).every(([key, value]) => set.metadata.annotations?.[key] === value);
      if (before === replicas && noted) continue;
      const { namespace, resourceVersion } = set.metadata;
      const patch = { metadata: { resourceVersion, annotations }, spec: { replicas } };
      const changed = await cluster.patch<ReplicaSet>(REPLICASETS, name, namespace, 'merge', patch, write);
      if (look.newSet === set) look.newSet = changed;
      else look.oldSets = look.oldSets.map((old) => (old === set ? changed : old));
      if (before === replicas) continue;
      const words = `Scaled ${before < replicas ? 'up' : 'down'} replica set ${name} from ${before} to ${replicas}`;
      recorder.normal(DEPLOYMENTS, look.deployment, 'ScalingReplicaSet', words);
    }
  }

  async function forget(look: Look): Promise<void> {
    for (const { metadata } of forgettable(look.deployment, look.oldSets)) {
      try {
        await cluster.delete(REPLICASETS, metadata.name, metadata.namespace, {
          uid: metadata.uid,
          propagationPolicy: 'Background',
        });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      look.oldSets = look.oldSets.filter((set) => set.metadata.uid !== metadata.uid);
    }
  }

  async function report(
    look: Look,
    statusOf: (deployment: Deployment, look: Look, nowMs: number) => DeploymentStatus,
  ): Promise<Outcome | undefined> {
    const { deployment } = look;
    const status = statusOf(deployment, look, clock.now());
    const known = caches.deployments.get(keyOf(deployment))?.status ?? {};
    if (!sameJson(status, known)) {
      const { name, namespace } = deployment.metadata;
      const options = { ...write, subresource: 'status' } as const;
      await cluster.patch(DEPLOYMENTS, name, namespace, 'merge', statusPatch(deployment, status), options);
    }
    const ms = msUntilDeadline(deployment, status, clock.now());
    return ms === undefined ? undefined : { after: ms };
  }

  return {
    async close() {
      await queue.stop();
      await recorder.close();
    },
  };
}
