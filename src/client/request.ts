/**
 * One document, one answer, over HTTP. What fails for a reason that passes is repeated, unless it is a mutation without
 * an idempotency key: its first try may have got through.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createBackoff } from '../lib/backoff.ts';
import { CLIENT_CODES, ClopsFault, faultOf, unreachable, type WireError } from './fault.ts';
import { repeatable } from './repeat.ts';

/** A document with the types of what goes in and what comes out: one of `generated/graphql.ts`, or a string. */
export interface TypedDocument<Result, Variables> {
  toString(): string;
  __apiType?: (variables: Variables) => Result;
}

export interface RequestOptions {
  /** Ends the request and its repetitions. */
  signal?: AbortSignal;
  /** How long each try may take, in milliseconds. Default 30,000. */
  timeoutMs?: number;
  /** How often in all, 1 or more. Default 4, over about five seconds. A mutation without a key is sent once. */
  attempts?: number;
  /**
   * Fields of other systems (the cluster, the metrics) may be missing while the rest stands. By default that is a fault;
   * with this the rest is answered and each fault is handed over.
   */
  onPartial?: (fault: ClopsFault) => void;
}

export interface Connection {
  /** Base URL, without a slash at its end. */
  url: string;
  token: string | undefined;
}

const ATTEMPTS = 4;
/** The API answers within a second; who takes a request and never does would be waited for without an end. */
const TIMEOUT_MS = 30_000;
/** Of an answer that is no answer of the API, a message wants no more. */
const WORDS = 200;

interface Answer<Result> {
  data?: Result | null;
  errors?: WireError[];
}

/** @throws ClopsFault */
export async function request<Result, Variables>(
  connection: Connection,
  document: TypedDocument<Result, Variables>,
  variables: Variables,
  options: RequestOptions = {},
): Promise<Result> {
  const query = document.toString();
  const { signal } = options;
  const { variables: sent, repeats } = await repeatable(query, variables);
  const attempts = repeats ? (options.attempts ?? ATTEMPTS) : 1;
  const body = JSON.stringify({ query, variables: sent });
  const backoff = createBackoff({ initialMs: 300, maxMs: 5_000 });
  for (let attempt = 1; ; attempt++) {
    try {
      return await once<Result>(connection, body, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ClopsFault) || !error.retryable || attempt >= attempts) throw error;
      await sleep(backoff.next(), undefined, signal && { signal });
    }
  }
}

async function once<Result>(connection: Connection, body: string, options: RequestOptions): Promise<Result> {
  const { url, token } = connection;
  const { signal, timeoutMs = TIMEOUT_MS } = options;
  const late = AbortSignal.timeout(timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body,
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(url, late.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : error);
  }
  const { data, errors = [] } = answerIn<Result>(text, response.status, url);
  const faults = errors.map(faultOf);
  const [first] = faults;
  if (data === null || data === undefined)
    throw first ?? new ClopsFault(CLIENT_CODES.NOT_THE_API, `${url} answered ${response.status} without data.`);
  if (first && !options.onPartial) throw first;
  for (const fault of faults) options.onPartial?.(fault);
  return data;
}

function answerIn<Result>(text: string, status: number, url: string): Answer<Result> {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer))
      return answer as Answer<Result>;
  } catch {
    // Not JSON: said below with what it is.
  }
  // A proxy in front of an API that is starting answers 502 to 504 in its own words.
  throw new ClopsFault(
    CLIENT_CODES.NOT_THE_API,
    `${url} answered ${status} and not as the CLOps API does: ${text.trim().slice(0, WORDS)}`,
    { retryable: status >= 502 && status <= 504 },
  );
}
