import { Arg, Field, ID, Int, ObjectType, Resolver, Root, Subscription } from 'type-graphql';
import { load } from '../../../graphql/batch.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { Cursor } from '../../../graphql/scalars.ts';
import { abortable } from '../../../graphql/source.ts';
import { Fault } from '../../../lib/fault.ts';
import {
  Event,
  followLog,
  isToldUpTo,
  logCursor,
  placeIn,
  StreamMessageKind,
  streamMessage,
} from '../../audit/index.ts';
import { metricsIn } from '../metrics.ts';
import { deploymentsById, rolloutsById } from '../queries.ts';
import type { DeploymentRow, RolloutRow } from '../tables.ts';
import { Deployment } from './types/deployment.ts';
import { DeploymentMetrics } from './types/metrics.ts';
import { Rollout } from './types/rollout.ts';
import { windowOf } from './window.ts';

@ObjectType({ simpleResolvers: true, description: 'A message of the `rolloutProgress` stream.' })
export class RolloutMessage {
  @Field(() => StreamMessageKind, { description: 'What this message is. Since: 0.1' })
  kind!: string;
  @Field(() => Cursor, { description: 'Give it as `after` to go on behind this message. Since: 0.1' })
  cursor!: string;
  @Field(() => Event, { nullable: true, description: 'What happened, when kind is EVENT. Since: 0.1' })
  event!: object | null;
  @Field(() => Rollout, { description: 'The rollout as it is at delivery. Since: 0.1' })
  rollout!: object;
}

@ObjectType({ simpleResolvers: true, description: 'A message of the `deploymentChanged` stream.' })
export class DeploymentMessage {
  @Field(() => StreamMessageKind, { description: 'What this message is. Since: 0.1' })
  kind!: string;
  @Field(() => Cursor, { description: 'Give it as `after` to go on behind this message. Since: 0.1' })
  cursor!: string;
  @Field(() => Event, { nullable: true, description: 'What happened, when kind is EVENT. Since: 0.1' })
  event!: object | null;
  @Field(() => Deployment, { description: 'The deployment as it is at delivery. Since: 0.1' })
  deployment!: object;
}

type FollowArgs = { after?: string | null };

/** One thing: its present state, then a message at every event about it. Ends when `isOver` says so. */
function followOne<Row extends object>(
  ctx: Ctx,
  id: string,
  { after }: FollowArgs,
  read: () => Promise<Row | null>,
  isOver: (row: Row) => boolean,
  message: (row: Row) => object,
): AsyncIterableIterator<object> {
  const from = placeIn(after);
  return abortable(async function* (signal) {
    // The cursor first, then the state: what happens between the two is delivered, not lost.
    const start = from ?? ctx.events.head();
    const present = await read();
    if (!present) throw new Fault('BAD_USER_INPUT', `There is no ${JSON.stringify(id.slice(0, 60))}.`);
    if (from === undefined) yield { kind: 'SNAPSHOT', cursor: logCursor(start), event: null, ...message(present) };
    if (from === undefined && isOver(present)) return;
    // Of something that has ended there may be nothing more to come: a short heartbeat tells.
    const heartbeatMs = isOver(present) ? 250 : 15_000;
    // Its end is committed before the events that tell of it are numbered: both must have been seen.
    const isTold = (seq: number): Promise<boolean> => isToldUpTo(ctx, id, seq);
    for await (const entry of followLog(ctx, { where: { about: id }, after: start, signal, heartbeatMs })) {
      const row = await read();
      if (!row) return;
      const over = isOver(row);
      if (entry.kind !== 'heartbeat' || !over) yield { ...streamMessage(entry), ...message(row) };
      if (over && (await isTold(entry.seq))) return;
    }
  });
}

@Resolver()
export class ServingSubscriptions {
  @Subscription(() => RolloutMessage, {
    description:
      'The present state first, then a message at every change of this rollout, until it ends (then the stream completes). Requires: READ. Since: 0.1',
    subscribe: ({ args, context }) => {
      const ctx = context as Ctx;
      const { rollout: id, ...rest } = args as { rollout: string } & FollowArgs;
      const read = () => load(ctx, rolloutsById, id);
      return followOne<RolloutRow>(
        ctx,
        id,
        rest,
        read,
        (row) => row.outcome !== null,
        (rollout) => ({ rollout }),
      );
    },
  })
  rolloutProgress(
    @Root() message: RolloutMessage,
    @Arg('rollout', () => ID, { description: 'The rollout.' }) _rollout: string,
    @Arg('after', () => Cursor, {
      nullable: true,
      description: 'Go on behind this cursor; without it the present state comes first.',
    })
    _after?: string,
  ): RolloutMessage {
    return message;
  }

  @Subscription(() => DeploymentMessage, {
    description:
      'The present state first, then at every change: for a page that shows one deployment. Requires: READ. Since: 0.1',
    subscribe: ({ args, context }) => {
      const ctx = context as Ctx;
      const { deployment: id, ...rest } = args as { deployment: string } & FollowArgs;
      const read = () => load(ctx, deploymentsById, id);
      return followOne<DeploymentRow>(
        ctx,
        id,
        rest,
        read,
        (row) => row.goneAt !== null,
        (deployment) => ({ deployment }),
      );
    },
  })
  deploymentChanged(
    @Root() message: DeploymentMessage,
    @Arg('deployment', () => ID, { description: 'The deployment.' }) _deployment: string,
    @Arg('after', () => Cursor, {
      nullable: true,
      description: 'Go on behind this cursor; without it the present state comes first.',
    })
    _after?: string,
  ): DeploymentMessage {
    return message;
  }

  @Subscription(() => DeploymentMetrics, {
    description:
      'Latest values at most once per interval; a late reader skips to the newest. Requires: READ. Since: 0.1',
    subscribe: ({ args, context }) => {
      const ctx = context as Ctx;
      const {
        deployment: id,
        intervalSeconds,
        windowSeconds,
      } = args as { deployment: string; intervalSeconds?: number | null; windowSeconds?: number | null };
      const interval = intervalSeconds ?? 1;
      if (!Number.isInteger(interval) || interval < 1 || interval > 300)
        throw new Fault('BAD_USER_INPUT', 'intervalSeconds must be a whole number from 1 to 300.');
      const window = windowOf(windowSeconds, 10);
      return abortable(async function* (signal) {
        if (!(await load(ctx, deploymentsById, id)))
          throw new Fault('BAD_USER_INPUT', `There is no ${JSON.stringify(id.slice(0, 60))}.`);
        for await (const counted of ctx.live.follow({ intervalSeconds: interval, windowSeconds: window, signal })) {
          ctx.loaders.clear();
          const deployment = await load(ctx, deploymentsById, id);
          if (!deployment || deployment.goneAt) return;
          yield metricsIn(deployment, counted);
        }
      });
    },
  })
  liveMetrics(
    @Root() metrics: DeploymentMetrics,
    @Arg('deployment', () => ID, { description: 'The deployment.' }) _deployment: string,
    @Arg('intervalSeconds', () => Int, { nullable: true, defaultValue: 1, description: '1 to 300.' })
    _intervalSeconds?: number,
    @Arg('windowSeconds', () => Int, {
      nullable: true,
      defaultValue: 10,
      description: 'What the numbers are over, 1 to 300.',
    })
    _windowSeconds?: number,
  ): DeploymentMetrics {
    return metrics;
  }
}
