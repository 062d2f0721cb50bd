/** What happens by itself after a request: told as lines, which are recorded and compared as answers are. */
import { stringify } from 'yaml';
import { ApiError } from '../../../../src/platform/cluster/port.ts';
import { eventually } from '../../../support/eventually.ts';
import type { Lab } from '../lab.ts';
import { normalised } from '../transcript.ts';

export interface Story {
  lab: Lab;
  namespace: string;
  /** A line of the record. */
  tell(what: string, value: unknown): void;
  /** Waits until a check passes; controllers of a real cluster take their time. */
  until<T>(check: () => T | Promise<T>): Promise<T>;
}

export type Tale = (story: Story) => Promise<void>;

export async function told(lab: Lab, namespace: string, tale: Tale): Promise<string> {
  const lines: string[] = [];
  await tale({
    lab,
    namespace,
    tell: (what, value) => {
      const text = stringify(value, { lineWidth: 0, sortMapEntries: true, aliasDuplicateObjects: false });
      lines.push(`## ${what}\n${normalised(text, namespace)}`);
    },
    until: (check) => eventually(check, { withinMs: 60_000, everyMs: 100 }),
  });
  return lines.join('\n');
}

/** The refusal of a call, as far as it says why. */
export async function refusalOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { code, reason, message, details } = error.status;
    return { code, reason, message, causes: details?.causes ?? [] };
  }
  throw new Error('expected a refusal and got an answer');
}
