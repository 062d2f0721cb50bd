/** The command lines of the roles in this folder: what was asked, or one sentence that says which flag is wrong. */
import { parseArgs } from 'node:util';

/** Its message is for the person at the terminal. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

export interface Flag {
  readonly meaning: string;
  /** Absent means that the flag must be given; undefined that it may be left out. */
  readonly fallback?: string | undefined;
  readonly pattern?: RegExp;
  /** For whole numbers: smallest and largest. */
  readonly range?: readonly [number, number];
}

export type Flags<T extends Readonly<Record<string, Flag>>> = {
  readonly text: (name: keyof T & string) => string;
  readonly optional: (name: keyof T & string) => string | undefined;
  readonly number: (name: keyof T & string) => number;
};

/** @throws FlagError for a flag that is unknown, missing, given twice or out of its range. */
export function readFlags<T extends Readonly<Record<string, Flag>>>(
  role: string,
  known: T,
  argv: readonly string[],
): Flags<T> {
  const given = parse(role, known, argv);
  const values = new Map<string, string>();
  for (const [name, flag] of Object.entries(known)) {
    const value = given.get(name) ?? flag.fallback;
    if (value !== undefined) values.set(name, checked(role, name, flag, value));
    else if (!('fallback' in flag)) throw new FlagError(`${role} needs --${name}: ${flag.meaning}.`);
  }
  return {
    text: (name) => values.get(name)!,
    optional: (name) => values.get(name),
    number: (name) => Number(values.get(name)),
  };
}

function parse(role: string, known: Readonly<Record<string, Flag>>, argv: readonly string[]): Map<string, string> {
  const options = Object.fromEntries(Object.keys(known).map((name) => [name, { type: 'string' as const }]));
  try {
    const { tokens } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false, tokens: true });
    const given = new Map<string, string>();
    for (const token of tokens) {
      if (token.kind !== 'option') continue;
      if (given.has(token.name)) throw new FlagError(`${role}: --${token.name} was given twice.`);
      given.set(token.name, token.value ?? '');
    }
    return given;
  } catch (error) {
    if (error instanceof FlagError) throw error;
    const reason = error instanceof Error ? error.message.split('. ')[0] : String(error);
    throw new FlagError(
      `${role}: ${reason}. It takes ${Object.keys(known)
        .map((name) => `--${name}`)
        .join(' ')}.`,
    );
  }
}

function checked(role: string, name: string, flag: Flag, value: string): string {
  const { pattern, range } = flag;
  const bad = (expected: string): FlagError =>
    new FlagError(`${role}: --${name}=${value.slice(0, 200)} is not ${expected}.`);
  if (value === '') throw new FlagError(`${role}: --${name} is empty; it is ${flag.meaning}.`);
  if (pattern && !pattern.test(value)) throw bad(flag.meaning);
  if (range && !(/^\d+$/.test(value) && Number(value) >= range[0] && Number(value) <= range[1]))
    throw bad(`a whole number from ${range[0]} to ${range[1]}`);
  return value;
}

export const DIGEST = /^sha256:[0-9a-f]{64}$/;
