/** The two spellings of an Event: stored as the core group's, shown also as events.k8s.io's. */
import type { Plain } from './json.ts';

const SAME = ['metadata', 'reason', 'type', 'series', 'eventTime', 'action', 'related'];

const pick = (object: Plain, names: readonly (readonly [string, string])[]): Plain =>
  Object.fromEntries(names.filter(([from]) => object[from] !== undefined).map(([from, to]) => [to, object[from]]));

const RENAMED = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
] as const;

const unchanged = SAME.map((name) => [name, name] as const);

export const EVENTS_VIEW = {
  fromStored(event: Plain): Plain {
    const shown = pick(event, [...unchanged, ...RENAMED]);
    for (const key of ['reportingController', 'reportingInstance']) if (shown[key] === '') delete shown[key];
    return { kind: 'Event', apiVersion: 'events.k8s.io/v1', ...shown };
  },
  toStored: (event: Plain): Plain => ({
    kind: 'Event',
    apiVersion: 'v1',
    ...pick(event, [...unchanged, ...RENAMED.map(([core, other]) => [other, core] as const)]),
  }),
};
