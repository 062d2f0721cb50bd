/**
 * A cluster's no to a child, in plain words: a policy or a webhook, a quota on objects, a kind that is not installed, no
 * address left. What another try a moment later would mend (a conflict, an overload, an outage) is none. Pure.
 */
import type { Backoff } from '../lib/backoff.ts';
import { startOf } from '../lib/text.ts';
import { ApiError, apiVersionOf, type Resource } from '../platform/cluster/port.ts';
import type { Failure } from './rollout/types.ts';

export interface Refusal extends Failure {
  retryInMs: number;
}

const REFUSALS = [400, 403, 404, 405, 413, 422];
const MAX_WORDS = 1000;

export function refusalOf(error: unknown, resource: Resource, name: string, backoff: Backoff): Refusal | undefined {
  if (!(error instanceof ApiError)) return undefined;
  // So it names what it could not do with this one object: a webhook was away, no address was left for a Service. Of its own
  // outages it says 500 with another reason or none.
  const isInternal = error.code === 500 && error.status.reason === 'InternalError';
  if (!REFUSALS.includes(error.code) && !isInternal) return undefined;
  const { kind } = resource;
  const isUnknown = error.code === 404 && error.status.details?.name === undefined;
  const message = isUnknown
    ? `This cluster does not know ${kind} (${apiVersionOf(resource)}): install it, and it goes on by itself.`
    : `The cluster refuses ${kind} ${name}: ${saidBy(error)}`;
  return { reason: `${kind}Refused`, message: startOf(message, MAX_WORDS), retryInMs: backoff.next() };
}

/** Of several causes the order is another each time: in the same words a status is not written again. */
function saidBy({ message, status }: ApiError): string {
  const causes = status.details?.causes ?? [];
  if (causes.length < 2) return message;
  return causes
    .map(({ field, message: said }) => [field, said].filter(Boolean).join(': '))
    .sort()
    .join('; ');
}
