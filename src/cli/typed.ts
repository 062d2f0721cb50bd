/**
 * How this program is called where it runs. Hints say `clops …` in the sources; in a clone only `npx clops …` is found, and
 * `node bin/clops.js …` where somebody starts the file itself. Pure: the one place where hints leave asks it.
 */
import { basename } from 'node:path';

/** `script`: argv[1]. `npmCommand`: what npm is doing, `exec` under npx. */
export function calledAs(script: string | undefined, npmCommand?: string): string {
  if (script === undefined) return 'clops';
  if (npmCommand === 'exec' || script.includes('/node_modules/.bin/')) return 'npx clops';
  const name = basename(script);
  // The file itself: by its path. Started by bin/clops.js for the pinned Node it is another one, whose path says nothing.
  if (name === 'clops.js')
    return `node ${script.startsWith(process.cwd()) ? script.slice(process.cwd().length + 1) : script}`;
  return name === 'clops' ? 'clops' : 'npx clops';
}

/** A command begins a line, or stands in backticks, behind two spaces (`Watch it:  clops …`), `try:` or a setting. */
const COMMAND = /(^|`| {2}|try: |[A-Z_]+=\S+ )clops (?=[a-z])/gm;

export const asTyped = (text: string, program: string): string =>
  program === 'clops' ? text : text.replace(COMMAND, (_all, before: string) => `${before}${program} `);
