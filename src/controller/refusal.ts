/**
 * A cluster's no to a child, in plain words: a policy or a webhook, a quota on objects, a kind that is not installed, no
 * address left. What another try a moment later would mend (a conflict, an overload, an outage) is none. Pure.
 */
import type { Backoff } from '../lib/backoff.ts';
import { startOf } from '../lib/text.ts';
import { type ApiError, apiVersionOf, isNotFound, isRefusal, type Resource } from '../platform/cluster/port.ts';
import type { Failure } from './rollout/types.ts';

export interface Refusal extends Failure {
  retryInMs: number;
}

const MAX_WORDS = 1000;

export function refusalOf(
  error: unknown,
  resource: Resource,
  name: string,
  backoff: Backoff,
  what: '' | 'the deletion of ' = '',
): Refusal | undefined {
  if (!isNotFound(error) && !isRefusal(error)) return undefined;
  const { kind } = resource;
  const isUnknown = error.code === 404 && error.status.details?.name === undefined;
  const message = isUnknown
    ? `This cluster does not know ${kind} (${apiVersionOf(resource)}): install it, and it goes on by itself.`
    : `The cluster refuses ${what}${kind} ${name}: ${saidBy(error)}`;
  return { reason: `${kind}Refused`, message: startOf(message, MAX_WORDS), retryInMs: backoff.next() };
}

/** Of several causes the order is another each time: in the same words a status is not written again. */
export function saidBy({ message, status }: ApiError): string {
  const causes = status.details?.causes ?? [];
  if (causes.length < 2) return message;
  return causes
    .map(({ field, message: said }) => [field, said].filter(Boolean).join(': '))
    .sort()
    .join('; ');
}
