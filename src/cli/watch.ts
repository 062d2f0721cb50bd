/** A deployment live: a picture redrawn in place on a terminal, a line for each event where nobody looks. */
import {
  type DeploymentPictureFragment,
  type EventLineFragment,
  LiveMetricsDocument,
} from '../client/generated/graphql.ts';
import type { Context } from './context.ts';
import { CliError, EXIT, type Exit } from './exit.ts';
import { full, type Named } from './names.ts';
import { verdict } from './settle.ts';
import { eventLine, isShown } from './shown/event.ts';
import type { Metrics } from './shown/picture.ts';
import { deploymentLine } from './shown/rollout.ts';

export interface Change {
  kind: 'EVENT' | 'HEARTBEAT' | 'RESYNC_REQUIRED' | 'SNAPSHOT';
  cursor: string;
  event: EventLineFragment | null;
  deployment: DeploymentPictureFragment;
}

const REDRAW_MS = 1_000;
const IDLE = 'Nothing is rolling out. The next rollout shows here by itself; Ctrl-C ends.';

/** Where nobody looks it ends when nothing rolls out, as `kubectl rollout status` does. */
const isOver = (io: Context['io'], { rollout }: DeploymentPictureFragment): boolean =>
  !io.out.isTTY && rollout?.outcome !== null;

export async function watchChanges(context: Context, of: Named, changes: AsyncIterable<Change>): Promise<Exit> {
  const { io, format, signal } = context;
  const screen = format === 'table' && io.out.isTTY ? await createScreen(context, of) : createLines(context);
  let last: DeploymentPictureFragment | undefined;
  try {
    for await (const change of changes) {
      last = change.deployment;
      screen.change(change);
      if (isOver(io, last)) break;
    }
  } finally {
    await screen.end();
  }
  if (io.interrupt.aborted)
    throw new CliError(EXIT.interrupted, 'Detached. What you watched goes on.', `clops rollouts watch ${full(of)}`);
  if (signal.aborted) throw new CliError(EXIT.timeout, 'The time is up. What you watched goes on.');
  return (last && verdict(last)?.exit) ?? EXIT.ok;
}

interface Screen {
  change(change: Change): void;
  end(): Promise<void>;
}

/** One line for each event; with `-o json` each message as it came. */
function createLines(context: Context): Screen {
  const { format, io, paint } = context;
  let idle = false;
  const stands = (deployment: DeploymentPictureFragment): void => context.print(deploymentLine(paint, deployment));
  context.onConnection = (connected) => !connected && context.note('connection lost, connecting again …');
  return {
    change(change) {
      const { kind, event, deployment } = change;
      if (kind === 'HEARTBEAT') return;
      if (format === 'json') context.print(JSON.stringify(change));
      else if (format === 'yaml') context.print(`--- # ${kind}\n${JSON.stringify(change)}`);
      else if (format === 'name') context.print(event?.id ?? deployment.id);
      else {
        if (event && isShown(event)) context.print(eventLine(paint, event));
        if (!event || isOver(io, deployment)) stands(deployment);
      }
      const isIdle = deployment.rollout?.outcome !== null;
      if (isIdle && !idle && kind === 'SNAPSHOT')
        context.note(isOver(io, deployment) ? 'Nothing is rolling out.' : IDLE);
      idle = isIdle;
    },
    async end() {},
  };
}

async function createScreen(context: Context, of: Named): Promise<Screen> {
  const { io, paint, program, signal } = context;
  const [{ createLogUpdate }, { picture }] = await Promise.all([import('log-update'), import('./shown/picture.ts')]);
  const draw = createLogUpdate(io.out);
  let deployment: DeploymentPictureFragment | undefined;
  let metrics: Metrics | undefined;
  let connected = true;

  const frame = (): string[] => {
    if (!deployment) return [];
    const width = io.out.columns ?? 80;
    const lines = picture({ deployment, metrics, paint, program, width, now: Date.now() });
    const state = connected ? [] : [paint.yellow('connection lost, connecting again …')];
    // A picture taller than the terminal cannot be redrawn in place: its end is left out, its head says how it stands.
    const room = (io.out.rows ?? 50) - 2 - state.length;
    const idle = deployment.rollout?.outcome === null ? [] : ['', paint.dim(IDLE)];
    lines.push(...idle);
    return [
      ...state,
      ...(lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`] : lines),
    ];
  };
  let height = 0;
  const redraw = (): void => {
    if (!deployment) return;
    const lines = frame();
    // Another height moves the lines below, which log-update takes for unchanged and leaves where they were.
    if (lines.length !== height) draw.clear();
    height = lines.length;
    draw(lines.join('\n'));
  };
  const timer = setInterval(redraw, REDRAW_MS);
  io.out.on('resize', redraw);
  context.onConnection = (now) => {
    connected = now;
    if (!signal.aborted) redraw();
  };

  const client = await context.client();
  const numbers = client.follow(
    LiveMetricsDocument,
    { deployment: of.id, intervalSeconds: 1, windowSeconds: 10 },
    { signal },
  );
  const reading = (async () => {
    for await (const { liveMetrics } of numbers) {
      metrics = liveMetrics;
      redraw();
    }
  })().catch(() => {
    // Without numbers the rest of the picture stands; that they are missing is seen.
    metrics = undefined;
  });

  return {
    change(change) {
      deployment = change.deployment;
      redraw();
    },
    async end() {
      clearInterval(timer);
      io.out.off('resize', redraw);
      await numbers.return?.();
      await reading;
      connected = true;
      redraw();
      draw.done();
    },
  };
}
