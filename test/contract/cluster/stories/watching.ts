/** One watch request: what it sends, where it can be taken up again, and how it ends. */
import type { KubeObject, WatchEvent, WatchOptions } from '../../../../src/platform/cluster/port.ts';
import { CONFIGMAPS, MODELDEPLOYMENTS } from '../../../../src/platform/cluster/resources.ts';
import type { Lab } from '../lab.ts';
import { refusalOf, type Tale } from './story.ts';

interface Heard {
  type: string;
  name?: string;
  labels?: Record<string, string>;
  version: string;
}

async function* heard(lab: Lab, options: WatchOptions): AsyncGenerator<Heard> {
  for await (const event of lab.port.watch<KubeObject>(CONFIGMAPS, options)) yield asHeard(event);
}

function asHeard(event: WatchEvent<KubeObject>): Heard {
  if (event.type === 'BOOKMARK') return { type: event.type, version: event.resourceVersion };
  const { name, labels, resourceVersion = '' } = event.object.metadata;
  return { type: event.type, name, ...(labels && { labels }), version: resourceVersion };
}

async function take(events: AsyncGenerator<Heard>, count: number): Promise<Heard[]> {
  const taken: Heard[] = [];
  for await (const event of events) {
    if (event.type !== 'BOOKMARK') taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}

const words = (events: readonly Heard[]): string[] =>
  events.map(({ type, name, labels }) => `${type} ${name} ${JSON.stringify(labels ?? {})}`);

export const watching: Tale = async ({ lab, namespace, tell }) => {
  const { port } = lab;
  const write = (name: string, labels: Record<string, string>): Promise<KubeObject> =>
    port.create<KubeObject>(CONFIGMAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels } });
  const label = (name: string, labels: Record<string, string | null>): Promise<unknown> =>
    port.patch(CONFIGMAPS, name, namespace, 'merge', { metadata: { labels } });
  const { resourceVersion: begin } = await port.list(CONFIGMAPS, { namespace });

  await write('a', { in: 'yes' });
  await write('b', {});
  await label('a', { n: '1' });
  await label('b', { in: 'yes' });
  await label('a', { in: null });
  await port.delete(CONFIGMAPS, 'b', namespace);
  const all = await take(heard(lab, { namespace, resourceVersion: begin }), 6);
  tell('everything', words(all));
  tell(
    'each later than the one before',
    all.every(({ version }, at) => at === 0 || Number(version) > Number(all[at - 1]?.version)),
  );
  const third = all[2]?.version ?? '';
  tell('taken up after the third', words(await take(heard(lab, { namespace, resourceVersion: third }), 3)));
  const selected = await take(heard(lab, { namespace, resourceVersion: begin, labelSelector: 'in=yes' }), 5);
  tell('into and out of a selection', words(selected));
  tell('what leaves has the version of its leaving', selected[3]?.version === all[4]?.version);
  const named = { namespace, resourceVersion: begin, fieldSelector: 'metadata.name=b' };
  tell('of one object', words(await take(heard(lab, named), 3)));

  const ended: Heard[] = [];
  const { resourceVersion: now } = await port.list(CONFIGMAPS, { namespace });
  for await (const event of heard(lab, { namespace, resourceVersion: now, timeoutSeconds: 1 })) ended.push(event);
  tell('quiet until its time is up', ended);

  const other = await lab.namespace('elsewhere');
  const bookmarks: Heard[] = [];
  const following = (async () => {
    for await (const event of heard(lab, { namespace, resourceVersion: now, timeoutSeconds: 5 })) bookmarks.push(event);
  })();
  const elsewhere = await port.create<KubeObject>(CONFIGMAPS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', namespace: other },
  });
  await following;
  tell('a bookmark for what happened elsewhere', {
    types: [...new Set(bookmarks.map(({ type }) => type))],
    isNewer: Number(bookmarks.at(-1)?.version) >= Number(elsewhere.metadata.resourceVersion),
  });

  const ancient = await lab.tooOld();
  const late = port.watch(MODELDEPLOYMENTS, { namespace, resourceVersion: ancient })[Symbol.asyncIterator]();
  tell('too old', await refusalOf(late.next()));
  const unknown = { ...CONFIGMAPS, plural: 'nopes' };
  tell('no such kind', await refusalOf(port.watch(unknown, { resourceVersion: '' })[Symbol.asyncIterator]().next()));
  const abort = new AbortController();
  const stopped = take(heard(lab, { namespace, resourceVersion: now, signal: abort.signal }), 1);
  abort.abort();
  tell('ended by its reader', await stopped);
};
