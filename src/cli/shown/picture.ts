/**
 * A deployment and its rollout as lines, in the manner of `kubectl argo rollouts get rollout`: what is wanted, where the
 * traffic goes, the steps, and a tree of revisions and replicas. Pure: the same answer and width make the same lines.
 */
import stringWidth from 'string-width';
import type {
  DeploymentPictureFragment,
  LiveMetricsSubscription,
  TrafficRole,
} from '../../client/generated/graphql.ts';
import { asTyped } from '../typed.ts';
import { type Paint, phase } from './paint.ts';
import { ladder, messageOf, outcomeOf, passage, waitsFor } from './rollout.ts';
import { age, percent, word } from './text.ts';
import { verbsOf } from './verbs.ts';

type Deployment = DeploymentPictureFragment;
export type Metrics = LiveMetricsSubscription['liveMetrics'];

export interface PictureOptions {
  deployment: Deployment;
  /** The latest numbers; absent where nothing is watched. */
  metrics?: Metrics | undefined;
  paint: Paint;
  /** Columns. */
  width: number;
  /** How this program is called. */
  program: string;
  /** Milliseconds since the epoch, for ages. */
  now: number;
}

const LABEL = 16;

export function picture(given: PictureOptions): string[] {
  const options = { ...given, deployment: counted(given.deployment, given.metrics) };
  const { deployment, paint } = options;
  const parts = [header(options), traffic(options), tree(options)];
  const { rollout } = deployment;
  if (rollout && rollout.steps.length > 0) parts.splice(1, 0, steps(paint, rollout.steps, options.width));
  return parts.filter((lines) => lines.length > 0).flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
}

/** Shares go on being counted while nothing happens that a message would tell: the numbers bring the later count. */
function counted(deployment: Deployment, metrics: Metrics | undefined): Deployment {
  if (!metrics) return deployment;
  const update = <T extends Deployment['traffic'][number]>(target: T): T => {
    const later = metrics.targets.find((one) => one.target.role === target.role)?.target;
    if (later?.version?.id !== target.version?.id || later?.weight !== target.weight) return target;
    return { ...target, observedShare: later.observedShare, observedRequests: later.observedRequests };
  };
  const { canary, traffic: targets } = deployment;
  return { ...deployment, canary: canary && update(canary), traffic: targets.map(update) };
}

function header({ deployment, paint, width, program, now }: PictureOptions): string[] {
  const { rollout, strategy } = deployment;
  const line = (label: string, value: string): string => `${`${label}:`.padEnd(LABEL)}${value}`;
  const under = (label: string, values: readonly string[]): string[] =>
    values.map((text, i) => (i === 0 ? line(label, text) : ' '.repeat(LABEL) + text));
  const shown = rollout && rollout.outcome === null ? rollout.phase : deployment.phase;
  const message = messageOf(deployment);
  const lines = [
    line('Name', paint.bold(`${deployment.team.name}/${deployment.name}`)),
    line('Status', phase(paint, shown)),
    ...(message ? under('Message', fold(message, width - LABEL)) : []),
    line('Strategy', strategy.canary ? 'Canary' : 'Rolling'),
  ];
  if (rollout) {
    const outcome = rollout.outcome
      ? ` (${outcomeOf(rollout.outcome)}, ${age(rollout.finishedAt ?? rollout.startedAt, now)} ago)`
      : '';
    lines.push(line('Rollout', `${rollout.number ?? '–'}  ${passage(rollout)}${outcome}`));
    if (rollout.steps.length > 0 && rollout.outcome === null) {
      lines.push(line('  Step', `${Math.min(rollout.stepIndex + 1, rollout.steps.length)}/${rollout.steps.length}`));
      lines.push(line('  SetWeight', `${rollout.weight}`));
      lines.push(line('  ActualWeight', actualWeight(deployment)));
    }
  }
  const pods = deployment.currentReplicas;
  const ready = pods
    ? `${pods.filter((pod) => pod.ready).length} ready of ${pods.length}`
    : 'the cluster does not answer';
  lines.push(line('Replicas', `${deployment.replicas} wanted, ${ready}`));
  if (deployment.endpoint) lines.push(line('Endpoint', deployment.endpoint.url));
  const waiting = waitsFor(deployment);
  if (waiting) {
    const commands = waiting.next.map((one) => asTyped(one, program));
    lines.push(...under('Waits for you', broken(commands, ', or', width - LABEL)));
  }
  const verbs = rollout ? verbsOf(rollout.allowed) : [];
  if (verbs.length > 0) {
    const last = verbs.length - 1;
    const words = verbs.map(
      (verb, i) => `${i === 0 ? `${program} ` : ''}${verb}${i === last ? ` ${deployment.name}` : ''}`,
    );
    lines.push(...under('You can', broken(words, ' |', width - LABEL)));
  }
  return lines;
}

/** What the gateway counted, which is not what was wished. */
function actualWeight({ canary, traffic: targets }: Deployment): string {
  if (!canary || canary.observedShare === null) return 'not counted yet';
  const all = targets.reduce((sum, target) => sum + (target.observedRequests ?? 0), 0);
  const of = canary.observedRequests === null ? '' : ` (${canary.observedRequests} of ${all} requests)`;
  return `${Math.round(canary.observedShare * 1000) / 10}${of}`;
}

function steps(paint: Paint, list: NonNullable<Deployment['rollout']>['steps'], width: number): string[] {
  const rungs = ladder(paint, list);
  const indent = ' '.repeat(LABEL);
  const lines: string[] = [];
  let current = 'Steps:'.padEnd(LABEL);
  for (const rung of rungs) {
    if (stringWidth(current) + stringWidth(rung) > width) {
      lines.push(current.trimEnd());
      current = indent;
    }
    current += `${rung}  `;
  }
  return [...lines, current.trimEnd()];
}

/** Where the requests go: what was wished, what was counted, and how it goes there. */
function traffic({ deployment, metrics, paint, width }: PictureOptions): string[] {
  if (deployment.traffic.length === 0) return [];
  const live = metrics !== undefined;
  const head = ['TRAFFIC', 'VERSION', 'WEIGHT', 'COUNTED', ...(live ? ['RPS', 'P95', 'ERRORS'] : []), 'READY'];
  const rows = deployment.traffic.map((target) => [
    word(target.role).toLowerCase(),
    target.version ? `${target.version.model.name}@${target.version.number}` : '–',
    `${target.weight} %`,
    target.observedShare === null ? '–' : percent(target.observedShare),
    ...(live ? numbers(metrics, target.role) : []),
    `${target.readyReplicas}/${target.replicas}`,
  ]);
  const lines = columns([head, ...rows], width);
  const stale = metrics?.stale
    ? [paint.yellow('the gateway does not answer just now: these are its last numbers')]
    : [];
  return [paint.dim(lines[0] ?? ''), ...lines.slice(1), ...stale];
}

function numbers(metrics: Metrics, role: TrafficRole): string[] {
  const values = metrics.targets.find(({ target }) => target.role === role)?.values;
  if (!values) return ['–', '–', '–'];
  const { requestRate, latencyP95Ms, errorRatio } = values;
  return [
    requestRate === null ? '–' : requestRate.toFixed(1),
    latencyP95Ms === null ? '–' : `${latencyP95Ms < 10 ? latencyP95Ms.toFixed(1) : Math.round(latencyP95Ms)} ms`,
    errorRatio === null ? '–' : percent(errorRatio),
  ];
}

interface Branch {
  name: string;
  kind: string;
  phase: string;
  age: string;
  info: string;
}

function tree({ deployment, paint, width, now }: PictureOptions): string[] {
  const pods = deployment.currentReplicas ?? [];
  const revisions = new Map<string, { number: number; createdAt: string }>();
  for (const { revision } of deployment.traffic)
    if (revision) revisions.set(revision.id, { number: revision.number, createdAt: revision.createdAt });
  for (const { revision } of pods)
    if (!revisions.has(revision.id))
      revisions.set(revision.id, { number: revision.number, createdAt: revision.createdAt });
  const branches: Branch[] = [
    {
      name: `⟳ ${deployment.name}`,
      kind: 'Deployment',
      phase: deployment.phase,
      age: age(deployment.createdAt, now),
      info: '',
    },
  ];
  const sorted = [...revisions].sort(([, a], [, b]) => b.number - a.number);
  sorted.forEach(([id, { number, createdAt }], i) => {
    const own = pods.filter(({ revision }) => revision.id === id);
    const last = i === sorted.length - 1;
    const target = deployment.traffic.find(({ revision }) => revision?.id === id);
    const well = own.length > 0 && own.every((pod) => pod.ready);
    branches.push({
      name: `${last ? '└' : '├'}──# revision:${number}`,
      kind: 'Revision',
      phase: own.length === 0 ? 'STOPPED' : well ? 'HEALTHY' : 'PROGRESSING',
      age: age(createdAt, now),
      info: target ? word(target.role).toLowerCase() : 'no traffic',
    });
    own.forEach((pod, j) => {
      branches.push({
        name: `${last ? ' ' : '│'}  ${j === own.length - 1 ? '└' : '├'}──□ ${pod.name}`,
        kind: 'Replica',
        phase: pod.phase,
        age: pod.createdAt ? age(pod.createdAt, now) : '',
        info: replicaInfo(pod),
      });
    });
  });
  const head = ['NAME', 'KIND', 'STATUS', 'AGE', 'INFO'];
  const rows = branches.map((one) => [one.name, one.kind, phase(paint, one.phase), one.age, one.info]);
  const [first = '', ...rest] = columns([head, ...rows], width);
  return [paint.dim(first), ...rest];
}

function replicaInfo({ ready, restarts, message }: NonNullable<Deployment['currentReplicas']>[number]): string {
  const parts = [ready ? 'ready' : 'not ready', restarts > 0 && `${restarts} restarts`, !ready && message];
  return parts.filter(Boolean).join(', ');
}

/** Cells in columns, two spaces apart. What does not fit is taken from the last cell, which is never coloured. */
function columns(rows: readonly (readonly string[])[], width: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => stringWidth(row[i] ?? ''))));
  return rows.map((row) => {
    const last = row.length - 1;
    const front = row
      .slice(0, last)
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - stringWidth(cell) + 2))
      .join('');
    return `${front}${cut(row[last] ?? '', width - stringWidth(front))}`.trimEnd();
  });
}

const cut = (text: string, width: number): string =>
  text.length <= width ? text : width < 2 ? '' : `${text.slice(0, width - 1)}…`;

/** At most three lines, broken at spaces. */
function fold(text: string, width: number): string[] {
  const lines = broken(text.split(/\s+/), '', width);
  return lines.length <= 3 ? lines : [...lines.slice(0, 2), cut(lines.slice(2).join(' '), width)];
}

/** Parts in a row, `glue` and a space between them, broken only there. */
function broken(parts: readonly string[], glue: string, width: number): string[] {
  const lines: string[] = [];
  parts.forEach((part, i) => {
    const text = i === parts.length - 1 ? part : part + glue;
    const line = lines.at(-1);
    if (line === undefined || line.length + text.length + 1 > width) lines.push(text);
    else lines[lines.length - 1] = `${line} ${text}`;
  });
  return lines;
}
