/**
 * Text of others so that a terminal shows it and carries nothing out: a reason, a description or a pod's last words could
 * draw over the reader's terminal, and a line break made two events of one. Pure.
 */

/** C0 and C1 controls but tab and line break, and what turns the direction of writing around. */
const CARRIED_OUT = /(?![\t\n])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
/** Colours, which programs put into their messages. They are left out: written out they would be all that is read. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const COLOURS = /\u001b\[[\d;]*m/g;

/** Control characters as `\u001b`; lines stay lines. */
export const visible = (text: string): string =>
  text
    .replace(COLOURS, '')
    .replaceAll('\r\n', '\n')
    .replace(CARRIED_OUT, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** For where one thing is one line. */
export const oneLine = (text: string): string => visible(text).replace(/\s*\n\s*/g, ' ');

/** What people write in several lines. It is shown indented, or its first line is. */
const LONG = 'description';

/** Every text in an answer, keys of its objects too. */
export function visibleIn<T>(value: T, key?: string): T;
export function visibleIn(value: unknown, key?: string): unknown {
  if (typeof value === 'string') return key === LONG ? visible(value) : oneLine(value);
  if (Array.isArray(value)) return value.map((one) => visibleIn<unknown>(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [oneLine(name), visibleIn<unknown>(one, name)]));
}
