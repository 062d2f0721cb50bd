/**
 * Copies of requests for RequestMirror. The answer is thrown away, a failure is counted and nothing else, and a mirror
 * never slows the request down. Shares are exact: a share of 0.1 copies every tenth request.
 */
import type { Dispatcher } from 'undici';
import { asUndiciBody, BodyCopy } from './body.ts';
import { chooseEndpoint, type Endpoint } from './endpoints.ts';
import type { LiveMirror } from './live.ts';

interface Copied {
  method: string;
  path: string;
  headers: readonly string[];
  hasBody: boolean;
}

const NONE: readonly BodyCopy[] = [];

/** Sends the copies that are due; the body has to be pushed into what is returned. */
export function startMirrors(mirrors: readonly LiveMirror[], copied: Copied): readonly BodyCopy[] {
  if (mirrors.length === 0) return NONE;
  const copies: BodyCopy[] = [];
  for (const mirror of mirrors) {
    mirror.credit += mirror.share;
    if (mirror.credit < 1 - 1e-9) continue;
    mirror.credit -= 1;
    const endpoint = chooseEndpoint(mirror);
    if (!endpoint) {
      count(mirror, 'failed');
      continue;
    }
    const body = copied.hasBody ? new BodyCopy() : undefined;
    if (body) copies.push(body);
    endpoint.inFlight++;
    endpoint.pool.dispatch(
      { method: copied.method, path: copied.path, headers: [...copied.headers], body: asUndiciBody(body) },
      new MirroredRequest(mirror, endpoint, body),
    );
  }
  return copies;
}

class MirroredRequest implements Dispatcher.DispatchHandler {
  readonly #mirror: LiveMirror;
  readonly #endpoint: Endpoint;
  readonly #body: BodyCopy | undefined;
  #status = 0;

  constructor(mirror: LiveMirror, endpoint: Endpoint, body: BodyCopy | undefined) {
    this.#mirror = mirror;
    this.#endpoint = endpoint;
    this.#body = body;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (!this.#body) return;
    const abort = (): void => controller.abort(new Error('the copy of the request was dropped'));
    if (this.#body.dropped) abort();
    else this.#body.onDrop = abort;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#end(String(this.#status));
  }

  onResponseError(): void {
    this.#end(this.#body?.dropped ? 'dropped' : 'failed');
  }

  #end(result: string): void {
    this.#endpoint.inFlight--;
    count(this.#mirror, result);
  }
}

function count({ series }: LiveMirror, result: string): void {
  series.results.set(result, (series.results.get(result) ?? 0) + 1);
}
