/** `replicaLogs`: what a pod says, line by line, from the cluster and through nothing that keeps it. */
import { Arg, Field, ID, Int, ObjectType, Resolver, Root, Subscription } from 'type-graphql';
import { load } from '../../../graphql/batch.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { DateTime } from '../../../graphql/scalars.ts';
import { abortable } from '../../../graphql/source.ts';
import { Fault } from '../../../lib/fault.ts';
import { ApiError } from '../../../platform/cluster/port.ts';
import { replicasById } from '../replicas.ts';
import { Replica } from './types/replica.ts';

@ObjectType({ simpleResolvers: true, description: 'One line of a log.' })
export class LogLine {
  @Field(() => DateTime, {
    description: 'When the node received it; of a line of the node’s own, when it was read. Since: 0.1',
  })
  at!: string;
  @Field(() => String, { description: 'The line, without its end; cut at 16 KiB. Since: 0.1' })
  line!: string;
  @Field(() => Replica, { description: 'Who said it. Since: 0.1' })
  replica!: object;
}

const MAX_LINE = 16 * 1024;
const MAX_TAIL = 5_000;
/** A line of the node's own has none, as "unable to retrieve container logs for …": it is from when it was read. */
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

@Resolver()
export class LogSubscriptions {
  @Subscription(() => LogLine, {
    description:
      'The last lines of a replica’s server, then every new one, until its container ends. Requires: READ. Since: 0.1',
    subscribe: ({ args, context }) => {
      const ctx = context as Ctx;
      const { replica: id, tailLines } = args as { replica: string; tailLines?: number | null };
      const tail = tailLines ?? 100;
      if (!Number.isInteger(tail) || tail < 0 || tail > MAX_TAIL)
        throw new Fault('BAD_USER_INPUT', `tailLines must be a whole number from 0 to ${MAX_TAIL}.`);
      return abortable((signal) => follow(ctx, id, tail, signal));
    },
  })
  replicaLogs(
    @Root() line: LogLine,
    @Arg('replica', () => ID, { description: 'The replica.' }) _replica: string,
    @Arg('tailLines', () => Int, {
      nullable: true,
      defaultValue: 100,
      description: `How many of the lines that are there, 0 to ${MAX_TAIL}.`,
    })
    _tailLines?: number,
  ): LogLine {
    return line;
  }
}

async function* follow(ctx: Ctx, id: string, tailLines: number, signal: AbortSignal): AsyncGenerator<LogLine> {
  const replica = await load(ctx, replicasById, id);
  if (!replica) throw new Fault('BAD_USER_INPUT', `There is no replica ${JSON.stringify(id.slice(0, 100))}.`);
  const { name, namespace = '' } = replica.pod.metadata;
  const container = replica.pod.spec.containers[0]?.name;
  const bytes = ctx.cluster.port.log(name, namespace, {
    follow: true,
    timestamps: true,
    tailLines,
    signal,
    ...(container && { container }),
  });
  try {
    for await (const text of linesOf(bytes)) {
      const [at = '', ...words] = text.split(' ');
      yield STAMP.test(at)
        ? { at, line: words.join(' '), replica }
        : { at: new Date(ctx.clock.now()).toISOString(), line: text, replica };
    }
  } catch (error) {
    // The cluster's own words: the container has not started yet, or the pod is gone.
    if (error instanceof ApiError) throw new Fault('BAD_USER_INPUT', error.message);
    throw error;
  }
}

/** Text lines of a byte stream. A line without an end does not fill memory: it is cut. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = (parts.pop() ?? '').slice(0, MAX_LINE);
    for (const part of parts) yield part.slice(0, MAX_LINE);
  }
  if (rest) yield rest;
}
