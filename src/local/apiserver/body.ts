/** A request's body: limited, then decoded by its Content-Type. What does not parse is refused. */
import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { fromProtobuf } from './protobuf.ts';
import { badRequest, Refusal, unsupportedMediaType } from './status.ts';

const BODY_LIMIT = 3 * 1024 * 1024;
/** Parsing YAML takes a hundred times as long as JSON, and everybody waits meanwhile. */
const YAML_LIMIT = 512 * 1024;
/** No object is as deep, and what walks objects is recursive. */
const DEPTH_LIMIT = 1000;

/** Undefined when there is none. Throws a Refusal. */
export async function readBody(req: IncomingMessage, contentType: string): Promise<unknown> {
  if (req.method === 'GET' || req.method === 'HEAD') return undefined;
  const bytes = await collect(req);
  if (bytes.length === 0) return undefined;
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (type === 'application/vnd.kubernetes.protobuf') return fromProtobuf(bytes);
  if (type !== '' && !/json|yaml/.test(type)) {
    throw unsupportedMediaType(
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    );
  }
  const text = bytes.toString('utf8');
  // An apply patch is YAML by name, but most clients send JSON.
  const isYaml = type.includes('yaml') && !text.trimStart().startsWith('{');
  if (depthOf(text, !isYaml) > DEPTH_LIMIT) throw badRequest(`the body is nested deeper than ${DEPTH_LIMIT}`);
  return isYaml ? fromYaml(text) : fromJson(text);
}

async function collect(req: IncomingMessage): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > BODY_LIMIT) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (): Refusal =>
  new Refusal({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: limit is ${BODY_LIMIT}`,
  });

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`the body could not be read as JSON: ${(error as Error).message}`);
  }
}

function fromYaml(text: string): unknown {
  if (text.length > YAML_LIMIT) throw badRequest(`a body in YAML is at most ${YAML_LIMIT} characters: send JSON`);
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: ${(error as Error).message}`);
  }
}

/** Of brackets; in YAML those inside strings count too, since its quotes cannot be told from apostrophes this cheaply. */
function depthOf(text: string, skipStrings: boolean): number {
  let [depth, deepest, quoted] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char === '\\') i++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = skipStrings;
    else if (char === '[' || char === '{') deepest = Math.max(deepest, ++depth);
    else if (char === ']' || char === '}') depth = Math.max(0, depth - 1);
  }
  return deepest;
}
