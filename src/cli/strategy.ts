/** How a new version takes over, from flags: `--canary 10,pause:30s,50,pause`, `--rolling`, `--file strategy.yaml`. */
import { readFile } from 'node:fs/promises';
import type { StepInput, StrategyInput } from '../client/generated/graphql.ts';
import { CliError, EXIT } from './exit.ts';
import { durationMs } from './shown/text.ts';

const MAX_FILE = 64 * 1024;

export interface StrategyFlags {
  canary?: string;
  rolling?: boolean;
  file?: string;
}

/** Undefined when no flag was given: then the deployment keeps what it has. The API checks the rest. */
export async function strategyOf({ canary, rolling, file }: StrategyFlags): Promise<StrategyInput | undefined> {
  const given = [canary !== undefined && '--canary', rolling && '--rolling', file !== undefined && '--file'].filter(
    Boolean,
  );
  if (given.length > 1) throw new CliError(EXIT.usage, `${given.join(' and ')} contradict each other: give one.`);
  if (canary !== undefined) return { canary: { steps: stepsOf(canary) } };
  if (rolling) return { rolling: {} };
  return file === undefined ? undefined : fromFile(file);
}

/** A number is the share of the traffic in percent, `pause` waits for a person, `pause:30s` for a while. */
export function stepsOf(text: string): StepInput[] {
  return text.split(',').map((part) => {
    const word = part.trim();
    const [, percent] = /^(\d{1,3})\s*%?$/.exec(word) ?? [];
    if (percent !== undefined) return { setWeight: Number(percent) };
    if (word === 'pause') return { pause: {} };
    if (word.startsWith('pause:'))
      return { pause: { seconds: Math.ceil(durationMs(word.slice('pause:'.length), 'A pause') / 1000) } };
    throw new CliError(
      EXIT.usage,
      `${JSON.stringify(word)} is no step. Steps are shares and pauses, as in 10,pause:30s,50,pause.`,
    );
  });
}

async function fromFile(file: string): Promise<StrategyInput> {
  const text = await readFile(file, 'utf8');
  if (text.length > MAX_FILE) throw new CliError(EXIT.usage, `${file} is longer than ${MAX_FILE} characters.`);
  const { parse, YAMLParseError } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new CliError(EXIT.usage, `${file}: ${error.message}`);
    throw error;
  }
  const whole = typeof value === 'object' && value !== null && 'strategy' in value ? value.strategy : value;
  const [kind, ...others] = typeof whole === 'object' && whole !== null ? Object.keys(whole) : [];
  if ((kind !== 'canary' && kind !== 'rolling') || others.length > 0)
    throw new CliError(
      EXIT.usage,
      `${file} must hold one of canary and rolling, with what StrategyInput of the schema says.`,
    );
  return whole as StrategyInput;
}
