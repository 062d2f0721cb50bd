/** Every topic whose answers are recorded. */
import type { Step } from '../transcript.ts';
import { apply, applyLists, applyOwn } from './apply.ts';
import { ends } from './ends.ts';
import { discovery, forms, selectors, watches } from './lists.ts';
import { machinery, metadata, objects } from './objects.ts';
import { lives, rules } from './own.ts';
import { definitions, pods, workloads } from './workloads.ts';

export const TOPICS: Readonly<Record<string, readonly Step[]>> = {
  'own-rules': rules,
  'own-lives': lives,
  metadata,
  objects,
  machinery,
  selectors,
  forms,
  watches,
  discovery,
  apply,
  'apply-lists': applyLists,
  'apply-own': applyOwn,
  ends,
  pods,
  workloads,
  definitions,
};
