/** The parameters of a request or a tensor. */
import { Refusal } from '../protocol.ts';
import { isObject, type JsonObject } from './words.ts';

/** Parameters that would change the answer and that this server does not have. Ignoring them would be a wrong answer. */
const UNSUPPORTED = ['classification', 'shared_memory_region', 'sequence_id'];

export function parametersOf(owner: JsonObject, where: string): JsonObject | undefined {
  const { parameters } = owner;
  if (parameters === undefined || parameters === null) return undefined;
  if (!isObject(parameters)) throw new Refusal(400, `${where}: "parameters" must be an object.`);
  for (const name of UNSUPPORTED) {
    if (parameters[name] !== undefined && parameters[name] !== 0 && parameters[name] !== '')
      throw new Refusal(400, `${where}: the parameter "${name}" is not supported by this server.`);
  }
  return parameters;
}
