/** Columns without lines, as kubectl prints them. Cells may hold colours. */
import Table from 'cli-table3';

const NO_LINES = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'].map((name) => [
    name,
    '',
  ]),
);
const NOR_BETWEEN = Object.fromEntries(
  ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'].map((name) => [name, '']),
);

/** Without a line break at the end. An empty list is said in words by the caller, not by a head without rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = new Table({
    chars: { ...NO_LINES, ...NOR_BETWEEN },
    style: { 'padding-left': 0, 'padding-right': 3, head: [], border: [], compact: true },
    ...(head.length > 0 && { head: [...head] }),
  });
  for (const row of rows) lines.push([...row]);
  return lines
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `Name:  vad`, one fact a line. */
export function facts(entries: readonly (readonly [label: string, value: string | undefined])[]): string {
  const given = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const width = Math.max(...given.map(([label]) => label.length)) + 1;
  return given
    .map(([label, value]) => `${`${label}:`.padEnd(width + 2)}${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`)
    .join('\n')
    .replaceAll(/ +$/gm, '');
}
