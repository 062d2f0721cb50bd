/**
 * The smallest world in which the pure engine can live: what it decides becomes true when the test says so, pods come when
 * the test says so, and a controller may die between any two writes.
 */
import type {
  Condition,
  ModelDeploymentSpec,
  ModelDeploymentStatus,
  StepSpec,
} from '../../src/contract/modeldeployment.ts';
import { hashOf } from '../../src/contract/revision.ts';
import type { CommandVerb, PromoteTo, RolloutCommand } from '../../src/contract/rolloutcommand.ts';
import { decide } from '../../src/controller/rollout/machine.ts';
import {
  type Decision,
  NO_SIDE,
  type Observed,
  type RolloutInput,
  type Side,
} from '../../src/controller/rollout/types.ts';
import { statusFor } from '../../src/controller/status.ts';
import { aModelDeployment } from './lab.ts';

export interface World {
  spec: ModelDeploymentSpec;
  status: ModelDeploymentStatus;
  revisions: Map<string, number>;
  firstRevisions: Map<string, number>;
  deployments: Map<string, number>;
  /** Pods that the cluster has room for, and those that have a place; the others wait for one. */
  capacity: number;
  placed: Map<string, number>;
  /** Ready pods by hash, the others are on their way; and what the ready ones say of their model. */
  ready: Map<string, number>;
  said: Map<string, 'Verified' | 'Refuted' | 'Pending'>;
  selectors: { stable?: string; canary?: string };
  weights: { stable: number; canary: number } | undefined;
  /** Every share that the canary ever got. */
  shares: number[];
  isProgrammed: boolean;
  isDrifting: boolean;
  commands: RolloutCommand[];
  now: number;
}

export const specOf = (version: number, steps: StepSpec[], replicas = 4): ModelDeploymentSpec => ({
  ...aModelDeployment(version).spec,
  replicas,
  strategy: { canary: { steps, scaleDownDelaySeconds: 1, progressDeadlineSeconds: 60 } },
});

export const aWorld = (spec: ModelDeploymentSpec): World => ({
  spec,
  status: {},
  revisions: new Map(),
  firstRevisions: new Map(),
  deployments: new Map(),
  capacity: Number.POSITIVE_INFINITY,
  placed: new Map(),
  ready: new Map(),
  said: new Map(),
  selectors: {},
  weights: undefined,
  shares: [],
  isProgrammed: false,
  isDrifting: false,
  commands: [],
  now: Date.parse('2026-01-01T00:00:00Z'),
});

/** A scheduler: whoever has a place keeps it, and the rest goes to those that wait, the older Deployment first. */
function place({ deployments, placed, capacity }: World): void {
  for (const [hash, pods] of placed) placed.set(hash, Math.min(pods, deployments.get(hash) ?? 0));
  let left = capacity - [...placed.values()].reduce((sum, pods) => sum + pods, 0);
  for (const [hash, replicas] of deployments) {
    const pods = placed.get(hash) ?? 0;
    const more = Math.max(0, Math.min(replicas - pods, left));
    placed.set(hash, pods + more);
    left -= more;
  }
}

export function inputOf(world: World): RolloutInput {
  place(world);
  const sides = new Map<string, Side>();
  for (const [hash, replicas] of world.deployments) {
    const ready = Math.min(world.placed.get(hash) ?? 0, world.ready.get(hash) ?? 0);
    const said = world.said.get(hash) ?? 'Verified';
    const verified = said === 'Verified' ? ready : 0;
    const refuted = said === 'Refuted' ? ready : 0;
    sides.set(hash, { ...NO_SIDE, exists: true, replicas, pods: replicas, ready, available: ready, verified, refuted });
  }
  const hash = hashOf(world.spec);
  const newest = Math.max(0, ...world.revisions.values());
  const own = world.revisions.get(hash);
  const endpoints = (role: 'stable' | 'canary'): string[] => {
    const selected = world.selectors[role] ?? '';
    return new Array<string>(sides.get(selected)?.ready ?? 0).fill(selected);
  };
  const { weights } = world;
  const state = !weights ? 'Absent' : world.isProgrammed ? 'Programmed' : 'Pending';
  const observed: Observed = {
    desired: { hash, revision: own === newest && newest > 0 ? own : newest + 1, version: world.spec.model.version },
    revisions: world.revisions,
    firstRevisions: world.firstRevisions,
    sides,
    selectors: world.selectors,
    endpoints: { stable: endpoints('stable'), canary: endpoints('canary') },
    route: { state, reason: state, message: state, ...(weights && { weights }) },
    traffic: {
      programmedForMs: world.isProgrammed ? 5000 : 0,
      ...(weights &&
        world.isDrifting && { requests: { stable: weights.canary * 100, canary: weights.stable * 100 + 1 } }),
    },
  };
  return { spec: world.spec, status: world.status, observed, commands: world.commands, now: world.now };
}

/** Writes that a controller makes of a decision, in its order. Dying after `writes` of them leaves the rest undone. */
function carryOut(world: World, input: RolloutInput, decision: Decision, writes = Number.POSITIVE_INFINITY): void {
  const { desired } = input.observed;
  const all: (() => void)[] = [
    () => {
      world.revisions.set(desired.hash, desired.revision);
      if (!world.firstRevisions.has(desired.hash)) world.firstRevisions.set(desired.hash, desired.revision);
    },
    ...decision.deployments.map(
      ({ hash, replicas }) =>
        () =>
          void world.deployments.set(hash, replicas),
    ),
    () => (world.selectors = { ...world.selectors, stable: decision.services.stable }),
    () => (world.selectors = { ...world.selectors, canary: decision.services.canary }),
    () => {
      const { weights } = decision;
      if (!weights || (world.weights?.canary === weights.canary && world.weights.stable === weights.stable)) return;
      world.weights = weights;
      world.shares.push(weights.canary);
      world.isProgrammed = false;
    },
    ...decision.remove.map((hash) => () => void world.deployments.delete(hash)),
    () => {
      const handledCommands = decision.answer?.state === 'Done' ? [decision.answer.name] : [];
      const md = { ...aModelDeployment(1), spec: world.spec };
      world.status = statusFor({ md, input, decision, handledCommands });
      if (decision.answer?.state === 'Done') world.commands = world.commands.slice(1);
    },
    () => {
      if (decision.answer?.state === 'Refused') world.commands = world.commands.slice(1);
    },
  ];
  for (const write of all.slice(0, writes)) write();
}

export interface Made {
  input: RolloutInput;
  decision: Decision;
}

/** One pass: look, decide, do. */
export function pass(world: World, writes?: number): Made {
  const input = inputOf(world);
  const decision = decide(input);
  carryOut(world, input, decision, writes);
  return { input, decision };
}

/** A look at the world but for this: its status is written, and nothing is done. */
export function look(world: World, seen: Partial<Observed>) {
  const input = inputOf(world);
  Object.assign(input.observed, seen);
  const decision = decide(input);
  const md = { ...aModelDeployment(1), spec: world.spec };
  world.status = statusFor({ md, input, decision, handledCommands: [] });
  const condition = (of: string): Condition | undefined => world.status.conditions?.find(({ type }) => type === of);
  return { decision, condition };
}

let count = 0;
export function aCommand(world: World, verb: CommandVerb, to?: PromoteTo): RolloutCommand {
  const spec = { deployment: 'vad', rollout: world.status.rollout?.number ?? 1, verb, ...(to && { to }) };
  const metadata = { name: `op-${count++}`, namespace: 'speech' };
  return { apiVersion: 'serving.clops.dev/v1alpha1', kind: 'RolloutCommand', metadata, spec };
}

/** Everything goes well from here on: pods come, routes are programmed, time passes. */
export function settle(world: World, passes = 40, look: (made: Made) => void = () => {}): void {
  world.isDrifting = false;
  for (let i = 0; i < passes; i++) {
    world.said.clear();
    for (const [hash, replicas] of world.deployments) world.ready.set(hash, replicas);
    world.isProgrammed = world.weights !== undefined;
    world.now += 500;
    look(pass(world));
  }
}
