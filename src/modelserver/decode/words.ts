/** The words of the refusals: how a name, a tensor and a value that came are shown to people. */
import type { Datatype } from '../datatypes.ts';
import { Refusal, shapeText, type TensorInfo } from '../protocol.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const quoted = (value: unknown): string =>
  typeof value === 'string' ? `'${value.slice(0, 100)}'` : value === undefined ? 'without a name' : shown(value);
export const names = (infos: readonly TensorInfo[]): string => infos.map(({ name }) => `'${name}'`).join(', ');
export const described = (info: TensorInfo): string => `${info.datatype.name} ${shapeText(info.shape)}`;

export function wrong(where: string, i: number, value: unknown, expected: string): Refusal {
  return new Refusal(400, `${where}: value ${i} must be ${expected} but is ${shown(value)}.`);
}

export function wrongInteger(datatype: Datatype, where: string, i: number, value: unknown): Refusal {
  const [min, max] = datatype.range!;
  return wrong(where, i, value, `a whole number from ${min} to ${max} (${datatype.name})`);
}

export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return (typeof value === 'string' ? JSON.stringify(value) : String(value)).slice(0, 60);
}
