/** What becomes of dependents when their owner goes, and of all that is in a namespace. */
import type { KubeObject, OwnerReference } from '../../../../src/platform/cluster/port.ts';
import { isNotFound } from '../../../../src/platform/cluster/port.ts';
import { CONFIGMAPS, MODELDEPLOYMENTS, NAMESPACES } from '../../../../src/platform/cluster/resources.ts';
import { aModel } from '../requests/own.ts';
import { refusalOf, type Story, type Tale } from './story.ts';

const HOLD = 'clops.dev/hold';

const owned = (by: KubeObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: by.apiVersion,
  kind: by.kind,
  name: by.metadata.name,
  uid: by.metadata.uid ?? '',
  ...more,
});

const made = ({ lab, namespace }: Story, name: string, metadata: Partial<KubeObject['metadata']> = {}) =>
  lab.port.create<KubeObject>(CONFIGMAPS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ...metadata },
  });

/** Names of what is there, with what is left of their owners. */
async function there({ lab, namespace }: Story): Promise<Record<string, { ending: boolean }>> {
  const { items } = await lab.port.list(CONFIGMAPS, { namespace, fieldSelector: 'metadata.name!=kube-root-ca.crt' });
  return Object.fromEntries(
    items.map(({ metadata }) => [
      metadata.name,
      {
        ending: metadata.deletionTimestamp !== undefined,
        finalizers: metadata.finalizers ?? [],
        owners: (metadata.ownerReferences ?? []).map(({ name }) => name),
      },
    ]),
  );
}

const gone = async (story: Story, ...names: string[]): Promise<void> => {
  await story.until(async () => {
    const left = Object.keys(await there(story)).filter((name) => names.includes(name));
    if (left.length > 0) throw new Error(`still there: ${left.join(', ')}`);
  });
};

export const garbage: Tale = async (story) => {
  const { lab, namespace, tell, until } = story;
  const [one, two] = [await made(story, 'owner-1'), await made(story, 'owner-2')];
  await made(story, 'of-one', { ownerReferences: [owned(one)] });
  await made(story, 'of-both', { ownerReferences: [owned(one), owned(two)] });
  await lab.port.delete(CONFIGMAPS, 'owner-1', namespace, { propagationPolicy: 'Background' });
  await gone(story, 'owner-1', 'of-one');
  await until(async () => {
    const { metadata } = await lab.port.get(CONFIGMAPS, 'of-both', namespace);
    if (metadata.ownerReferences?.length !== 1) throw new Error('it still names both owners');
  });
  tell('in the background: what has another owner stays', await there(story));

  await lab.port.delete(CONFIGMAPS, 'owner-2', namespace, { propagationPolicy: 'Orphan' });
  await gone(story, 'owner-2');
  await until(async () => {
    const { metadata } = await lab.port.get(CONFIGMAPS, 'of-both', namespace);
    if (metadata.ownerReferences) throw new Error('it still has an owner');
  });
  tell('orphaned: what it owned stays without it', await there(story));
  await lab.port.delete(CONFIGMAPS, 'of-both', namespace);

  await made(story, 'of-nobody', { ownerReferences: [owned(one)] });
  await gone(story, 'of-nobody');
  tell('an owner that is not there: gone', await there(story));

  const front = await made(story, 'front');
  await made(story, 'blocking', { ownerReferences: [owned(front, { blockOwnerDeletion: true })], finalizers: [HOLD] });
  await lab.port.delete(CONFIGMAPS, 'front', namespace, { propagationPolicy: 'Foreground' });
  await until(async () => {
    const { metadata } = await lab.port.get(CONFIGMAPS, 'blocking', namespace);
    if (!metadata.deletionTimestamp) throw new Error('the dependent is not ending yet');
  });
  tell('in the foreground: the owner waits', await there(story));
  await lab.port.patch(CONFIGMAPS, 'blocking', namespace, 'merge', { metadata: { finalizers: null } });
  await gone(story, 'blocking', 'front');
  tell('and goes last', await there(story));

  const [leaving, staying] = [await made(story, 'leaving'), await made(story, 'staying')];
  await made(story, 'shared', { ownerReferences: [owned(leaving, { blockOwnerDeletion: true }), owned(staying)] });
  await lab.port.delete(CONFIGMAPS, 'leaving', namespace, { propagationPolicy: 'Foreground' });
  await gone(story, 'leaving');
  tell('in the foreground: what has another owner stays and holds nobody up', await there(story));
  await lab.port.delete(CONFIGMAPS, 'staying', namespace);
  await gone(story, 'staying', 'shared');

  const waiting = await made(story, 'waiting');
  const blocks = { ownerReferences: [owned(waiting, { blockOwnerDeletion: true })], finalizers: [HOLD] };
  for (const name of ['let-go', 'unblocked']) await made(story, name, blocks);
  await lab.port.delete(CONFIGMAPS, 'waiting', namespace, { propagationPolicy: 'Foreground' });
  await until(async () => {
    if (Object.values(await there(story)).some(({ ending }) => !ending))
      throw new Error('not all of them are ending yet');
  });
  const change = (name: string, metadata: object) => lab.port.patch(CONFIGMAPS, name, namespace, 'merge', { metadata });
  await change('let-go', { ownerReferences: null });
  tell('one without its reference, another that still blocks', await there(story));
  await change('unblocked', { ownerReferences: [owned(waiting, { blockOwnerDeletion: false })] });
  await gone(story, 'waiting');
  tell('and none that blocks: the owner goes before them', await there(story));
  for (const name of ['let-go', 'unblocked']) await change(name, { finalizers: null });
  await gone(story, 'let-go', 'unblocked');

  const model = await lab.port.create(MODELDEPLOYMENTS, aModel('owner', {}, namespace));
  await made(story, 'of-model', { ownerReferences: [owned(model, { controller: true, blockOwnerDeletion: true })] });
  await lab.port.delete(MODELDEPLOYMENTS, 'owner', namespace);
  await gone(story, 'of-model');
  tell('our own kinds own as well', await there(story));
};

export const namespaces: Tale = async (story) => {
  const { lab, namespace, tell, until } = story;
  await made(story, 'plain');
  await made(story, 'held', { finalizers: [HOLD] });
  await lab.port.create(MODELDEPLOYMENTS, aModel('vad', {}, namespace));
  await lab.port.delete(NAMESPACES, namespace);
  tell('nothing new', await refusalOf(made(story, 'late')));
  await gone(story, 'plain');
  await until(async () => {
    if ((await lab.port.list(MODELDEPLOYMENTS, { namespace })).items.length > 0) throw new Error('models are left');
  });
  type Ending = KubeObject & { status: { phase: string; conditions?: Record<string, string>[] } };
  const ending = await until(async () => {
    const found = await lab.port.get<Ending>(NAMESPACES, namespace);
    if (
      !found.status.conditions?.some(({ type, status }) => type === 'NamespaceFinalizersRemaining' && status === 'True')
    )
      throw new Error('it does not say what holds it');
    return found;
  });
  tell('held', {
    phase: ending.status.phase,
    spec: ending.spec,
    conditions: ending.status.conditions
      ?.map(({ type, status, reason, message }) => ({ type, status, reason, message }))
      .sort((a, b) => ((a.type ?? '') < (b.type ?? '') ? -1 : 1)),
  });
  await lab.port.patch(CONFIGMAPS, 'held', namespace, 'merge', { metadata: { finalizers: null } });
  await until(async () => {
    const found = await lab.port.get(NAMESPACES, namespace).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (found) throw new Error('the namespace is still there');
  });
  tell('gone', await refusalOf(lab.port.get(NAMESPACES, namespace)));
};
