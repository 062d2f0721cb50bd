/**
 * The client as commands have it whose output people read: what the API says has gone through `visibleIn` before any command
 * sees it, so that no column and no message can be forgotten. With -o json and yaml everything is as it was sent.
 */
import { type ClopsClient, ClopsFault } from '../client/index.ts';
import { oneLine, visibleIn } from './shown/visible.ts';

export function forPeople(client: ClopsClient): ClopsClient {
  return {
    url: client.url,
    async request(document, variables, options = {}) {
      const { onPartial } = options;
      const told = onPartial && { onPartial: (fault: ClopsFault) => onPartial(readable(fault)) };
      return visibleIn(await client.request(document, variables, { ...options, ...told }).catch(rethrown));
    },
    follow(document, variables, options) {
      const stream = client.follow(document, variables, options);
      const shown = async <R>(result: Promise<IteratorResult<R>>): Promise<IteratorResult<R>> => {
        const { done, value } = await result.catch(rethrown);
        return done ? { done, value } : { done: false, value: visibleIn(value) };
      };
      // No generator: one that waits for a message cannot be ended from outside.
      return {
        next: () => shown(stream.next()),
        return: async () => (await stream.return?.()) ?? { done: true, value: undefined },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },
    uploadArtifact: (file, options) => client.uploadArtifact(file, options).catch(rethrown),
    close: () => client.close(),
  };
}

function readable<T>(error: T): T {
  if (error instanceof ClopsFault) error.message = oneLine(error.message);
  return error;
}

const rethrown = (error: unknown): never => {
  throw readable(error);
};
