/** What an answer lacks because another system did not say it, a line for each reason: eight fields once made eight lines. */
import type { ClopsFault } from '../client/index.ts';

/** As the tables call what the API calls so. */
const WORDS: Readonly<Record<string, string>> = {
  observedShare: 'The counted share (COUNTED)',
  observedRequests: 'The counted share (COUNTED)',
};

export function missingLines(faults: readonly ClopsFault[]): string[] {
  const lines = faults.map(({ message, path = [] }) => {
    const what = WORDS[String(path.at(-1))];
    return what === undefined ? `! ${message}` : `! ${what} is left out: ${message}`;
  });
  return [...new Set(lines)];
}
