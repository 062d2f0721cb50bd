/** Small values as people read them in a terminal, and as they type them. */
import { CliError, EXIT } from '../exit.ts';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** `42s`, `5m`, `3h`, `12d`, as kubectl shows ages. */
export function age(since: string, now: number): string {
  const ms = Math.max(0, now - Date.parse(since));
  for (const [unit, size] of UNITS) if (ms >= size) return `${Math.floor(ms / size)}${unit}`;
  return '0s';
}

/** A share of 0 to 1 as `10 %`, `10.3 %`. */
export function percent(share: number): string {
  const value = Math.round(share * 1000) / 10;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} %`;
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log2(count) / 10) : 0);
  const value = count / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

const DURATION = /^(\d{1,9})(ms|s|m|h|d)?$/;

/** `30s`, `5m`, `2h`; a bare number is seconds. In milliseconds, `mostMs` at most. */
export function durationMs(text: string, what: string, mostMs = Number.POSITIVE_INFINITY): number {
  const [, count, unit = 's'] = DURATION.exec(text.trim()) ?? [];
  if (count === undefined)
    throw new CliError(EXIT.usage, `${what} must be a duration such as 30s, 5m or 1h, and is ${JSON.stringify(text)}.`);
  const size = unit === 'ms' ? 1 : (UNITS.find(([name]) => name === unit)?.[1] ?? 1000);
  const ms = Number(count) * size;
  if (ms > mostMs)
    throw new CliError(EXIT.usage, `${what} is at most ${span(mostMs / 1000)}, and is ${JSON.stringify(text)}.`);
  return ms;
}

export function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,9}$/.test(text.trim()))
    throw new CliError(EXIT.usage, `${what} must be a whole number, and is ${JSON.stringify(text)}.`);
  return Number(text);
}

/** `2h 5m`, `30s`: for spans that people wait. */
export function span(seconds: number): string {
  const parts = UNITS.flatMap(([unit, size]) => {
    const count =
      Math.floor((seconds * 1000) / size) % (unit === 'd' ? Number.MAX_SAFE_INTEGER : unit === 'h' ? 24 : 60);
    return count > 0 ? [`${count}${unit}`] : [];
  });
  return parts.slice(0, 2).join(' ') || '0s';
}

/** `PROGRESSING` as `Progressing`, `FAST_PROMOTED` as `Fast promoted`. */
export function word(name: string): string {
  const text = name.toLowerCase().replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
