/** The file a child process writes its output to: appended, and set aside as `.1` when it has grown at a start. */
import { mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const LARGEST = 20 * 1024 ** 2;

/** An open descriptor for `stdio`; the caller closes it once the child has it. */
export function openLogFile(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LARGEST) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o640);
}
