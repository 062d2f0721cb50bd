/**
 * A line of a log as a person reads it: of a JSON record its time, level, message and fields, as pino-pretty shows them;
 * what is no record of a log stays as it is, but for what a terminal would carry out. Pure: the same line makes the same words.
 */
import type { Paint } from './paint.ts';
import { oneLine, visible } from './visible.ts';

/** As pino, structlog, zap and Python's JSON formatters call them. */
const TIMES = ['time', 'timestamp', '@timestamp', 'ts', 'asctime'];
const LEVELS = ['level', 'levelname', 'severity'];
const MESSAGES = ['msg', 'message', 'event'];

const PINO: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};
const TONES: Readonly<Record<string, 'red' | 'yellow' | 'dim'>> = {
  TRACE: 'dim',
  DEBUG: 'dim',
  WARN: 'yellow',
  WARNING: 'yellow',
  ERROR: 'red',
  CRITICAL: 'red',
  FATAL: 'red',
};

/**
 * `12:00:03.120 INFO  the model is ready  model=vad version=2`; what has lines of its own, such as a stack, follows below.
 * `at`: when the node saw the line, for a record that does not say.
 */
export function logLines(paint: Paint, line: string, at: string): string[] {
  const record = recordOf(line);
  const message = record && take(record, MESSAGES, (value) => typeof value === 'string');
  if (!record || message === undefined) return [visible(line)];
  const time = clock(take(record, TIMES, isMoment) ?? at);
  const level = levelOf(take(record, LEVELS, (value) => typeof value === 'string' || typeof value === 'number'));
  const [first = '', ...below] = String(message).split('\n');
  const fields: string[] = [];
  for (const [key, value] of Object.entries(record)) {
    const [text, ...more] = fieldOf(value);
    if (text !== undefined) fields.push(`${oneLine(key)}=${visible(text)}`);
    below.push(...(text === undefined ? [oneLine(`${key}:`)] : []), ...more);
  }
  const head = [
    paint.dim(time),
    ...(level ? [paint[TONES[level] ?? 'reset'](oneLine(level).padEnd(5))] : []),
    visible(first),
  ];
  return [
    `${head.join(' ')}${fields.length > 0 ? `  ${paint.dim(fields.join(' '))}` : ''}`,
    ...below.map((one) => `  ${visible(one)}`),
  ];
}

function recordOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** The first of these that is there and will do, which then is no field any more. */
function take(record: Record<string, unknown>, keys: string[], will: (value: unknown) => boolean): unknown {
  const key = keys.find((one) => will(record[one]));
  if (key === undefined) return undefined;
  const value = record[key];
  delete record[key];
  return value;
}

/** Seconds or milliseconds since the epoch, or a date in words. */
const dateOf = (value: unknown): Date =>
  new Date(typeof value === 'number' ? (value < 1e11 ? value * 1000 : value) : String(value));
const isMoment = (value: unknown): boolean =>
  (typeof value === 'number' || typeof value === 'string') && !Number.isNaN(dateOf(value).getTime());

/** The reader's own time, as events have it; records of one request differ by milliseconds. */
function clock(value: unknown): string {
  const time = dateOf(value);
  const [h, m, s] = [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => `${n}`.padStart(2, '0'));
  return `${h}:${m}:${s}.${`${time.getMilliseconds()}`.padStart(3, '0')}`;
}

const levelOf = (value: unknown): string =>
  (typeof value === 'number' ? PINO[value] : undefined) ?? (value === undefined ? '' : String(value).toUpperCase());

/** What stands behind `key=`, and the lines below; without the first, when it is nothing but lines. */
function fieldOf(value: unknown): [text: string | undefined, ...below: string[]] {
  if (typeof value === 'string' && value.includes('\n')) return [undefined, ...value.trimEnd().split('\n')];
  if (typeof value !== 'object' || value === null) return [plain(value)];
  const { message, stack } = value as { message?: unknown; stack?: unknown };
  if (typeof message !== 'string' || typeof stack !== 'string') return [JSON.stringify(value)];
  return [plain(message), ...stack.split('\n')];
}

/** Quoted where spaces or quotes would make it two. */
const plain = (value: unknown): string =>
  typeof value === 'string' && !/^[^\s"=]+$/.test(value) ? JSON.stringify(value) : visible(String(value));
