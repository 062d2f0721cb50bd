/**
 * A byte stream as JSON values, one per line: the wire form of a Kubernetes watch. A line that is not JSON, is longer
 * than the limit, or is cut off by the end of the stream is an error: skipping it would lose an event for good.
 */
import { Unavailable } from '../../lib/problem.ts';

/** Kubernetes objects are at most about 1.5 MiB in etcd; managed fields and escaping fit below this. */
const MAX_LINE = 16 * 1024 * 1024;

export async function* jsonLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw broken('sent a line that is too long');
    for (const line of lines) if (line.trim() !== '') yield parse(line);
  }
  if (rest.trim() !== '') throw broken('broke off in the middle of an event');
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw broken('sent a line that is not JSON');
  }
}

const broken = (what: string): Unavailable => new Unavailable('CLUSTER_UNAVAILABLE', `The cluster's watch ${what}.`);
