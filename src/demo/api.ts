/** The public GraphQL API as the demo asks it: one document at a time, and one stream to wait on. */
import { createClient } from 'graphql-ws';

export interface Api {
  /** @throws the first error of the answer, whether it is a fault or the payload's. */
  ask<T extends object>(document: string, variables: object): Promise<T>;
  /** Follows a subscription to the first thing that is what is waited for. @throws when the stream ends before. */
  until<M, T>(
    document: string,
    variables: Record<string, unknown>,
    thingIn: (message: M) => T,
    isIt: (thing: T) => boolean,
  ): Promise<T>;
  /** Sends the bytes unless they are there. */
  upload(digest: string, bytes: Uint8Array): Promise<void>;
}

interface Answer<T> {
  data?: T | null;
  errors?: { message: string }[];
}

export function createApi({ url, token, signal }: { url: string; token: string; signal: AbortSignal }): Api {
  const headers = { authorization: `Bearer ${token}` };
  return {
    async ask<T extends object>(query: string, variables: object): Promise<T> {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
        signal,
      });
      const { data, errors = [] } = (await response.json()) as Answer<T>;
      const [error] = [...errors, ...Object.values(data ?? {}).flatMap(payloadErrors)];
      if (error || !data) throw new Error(error?.message ?? `the API answered ${response.status} without data`);
      return data;
    },

    async until<M, T>(
      query: string,
      variables: Record<string, unknown>,
      thingIn: (message: M) => T,
      isIt: (thing: T) => boolean,
    ): Promise<T> {
      const client = createClient({ url: `${url.replace(/^http/, 'ws')}/graphql`, connectionParams: headers });
      const end = (): void => void client.dispose();
      signal.addEventListener('abort', end, { once: true });
      try {
        for await (const { data, errors } of client.iterate<M>({ query, variables })) {
          if (errors?.[0]) throw errors[0];
          const thing = data ? thingIn(data) : undefined;
          if (thing !== undefined && isIt(thing)) return thing;
        }
        signal.throwIfAborted();
        throw new Error('the stream ended before it came so far');
      } finally {
        signal.removeEventListener('abort', end);
        await client.dispose();
      }
    },

    async upload(digest, bytes) {
      const target = `${url}/artifacts/${digest}`;
      if ((await fetch(target, { method: 'HEAD', headers, signal })).ok) return;
      const put = await fetch(target, { method: 'PUT', headers, body: bytes, signal });
      if (!put.ok) throw new Error(`the upload of ${digest} was answered ${put.status}: ${await put.text()}`);
    },
  };
}

const payloadErrors = (value: unknown): { message: string }[] =>
  typeof value === 'object' && value !== null && 'errors' in value ? (value.errors as { message: string }[]) : [];
