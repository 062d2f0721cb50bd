/**
 * RolloutCommands: which are unanswered, and how the answer gets onto them. An effect and the command's name in
 * handledCommands are one status patch; the mark on the command comes after it. Who finds the name without a mark only marks.
 */
import { API_VERSION, CONTROLLER_MANAGER } from '../contract/names.ts';
import { COMMAND_KEPT_MS, type RolloutCommand } from '../contract/rolloutcommand.ts';
import { allowedVerbs } from '../contract/verbs.ts';
import type { Clock } from '../lib/clock.ts';
import { inTurn } from '../lib/inTurn.ts';
import { type ClusterPort, isNotFound, isRefusal } from '../platform/cluster/port.ts';
import { MODELDEPLOYMENTS, ROLLOUTCOMMANDS } from '../platform/cluster/resources.ts';
import type { Context } from './observe.ts';
import { iso } from './rollout/begin.ts';
import type { Answer, Decision } from './rollout/types.ts';
import { statusOf } from './rollout/verbs.ts';

/** What of a visit matters here. */
type Visit = Pick<Context, 'key' | 'md' | 'commands'>;

export interface Commands {
  open(context: Visit): { unanswered: RolloutCommand[]; handled: string[] };
  mark(context: Visit, decision: Decision): Promise<void>;
  /** Answers those still open with why nothing can be done, and marks those that were acted on before. */
  refuse(context: Visit, message: string): Promise<void>;
  /** Refuses those whose deployment does not exist: there is no reconcile that would answer them. */
  refuseOrphans(commands: readonly RolloutCommand[]): Promise<void>;
  /** Milliseconds until an answered command is to be deleted; deletes it when that is now. */
  expire(command: RolloutCommand): Promise<number | undefined>;
  /** The ModelDeployment `key` is gone, and its commands with it. */
  forget(key: string): void;
}

export function createCommands(cluster: ClusterPort, clock: Clock): Commands {
  /** By ModelDeployment: marked here, which the cache may not show yet. A second mark would put other words on it. */
  const marked = new Map<string, Set<string>>();

  async function answer(
    context: Visit,
    run: Decision['run'] | undefined,
    command: RolloutCommand,
    given: Answer,
    hindered: boolean,
  ): Promise<void> {
    const { name, namespace } = command.metadata;
    const isRefused = given.state === 'Refused';
    const known = { spec: context.md.spec, status: { ...context.md.status, ...(run && statusOf(run)) } };
    const status: RolloutCommand['status'] = {
      state: given.state,
      message: given.message,
      ...(isRefused && { allowed: allowedVerbs(known as typeof context.md, hindered) }),
      handledAt: iso(clock.now()),
    };
    const options = { fieldManager: CONTROLLER_MANAGER };
    try {
      await own(context, command);
      await cluster.patch(ROLLOUTCOMMANDS, name, namespace, 'merge', { status }, { ...options, subresource: 'status' });
      marked.set(context.key, (marked.get(context.key) ?? new Set()).add(name));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** One made by hand has no owner yet: it goes with its deployment like the others, where the cluster lets it. */
  async function own({ md }: Visit, { metadata }: RolloutCommand): Promise<void> {
    if (metadata.ownerReferences?.some(({ uid }) => uid === md.metadata.uid)) return;
    const owner = { apiVersion: API_VERSION, kind: 'ModelDeployment', name: md.metadata.name, uid: md.metadata.uid };
    const ownerReferences = [...(metadata.ownerReferences ?? []), owner];
    const options = { fieldManager: CONTROLLER_MANAGER };
    const patch = { metadata: { ownerReferences } };
    try {
      await cluster.patch(ROLLOUTCOMMANDS, metadata.name, metadata.namespace, 'merge', patch, options);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** Without a status, and not because the cache is behind. */
  function unmarked({ key, commands }: Visit): RolloutCommand[] {
    for (const { status, metadata } of commands) if (status) marked.get(key)?.delete(metadata.name);
    return commands.filter(({ status, metadata }) => !status && !marked.get(key)?.has(metadata.name));
  }

  return {
    open({ key, md, commands }) {
      const handled = md.status?.handledCommands ?? [];
      const pending = commands.filter(({ status, metadata }) => !status && metadata.deletionTimestamp === undefined);
      const names = new Set(pending.map(({ metadata }) => metadata.name));
      return {
        unanswered: pending.filter(
          ({ metadata }) => !handled.includes(metadata.name) && !marked.get(key)?.has(metadata.name),
        ),
        handled: handled.filter((name) => names.has(name)),
      };
    },
    async mark(context, { answer: given, run }) {
      await inTurn(unmarked(context), async (command) => {
        const { name } = command.metadata;
        if (given?.name === name) await answer(context, run, command, given, false);
        else if (isHandled(context, name))
          await answer(context, run, command, { name, state: 'Done', message: 'done' }, false);
      });
    },
    async refuse(context, message) {
      await inTurn(unmarked(context), async (command) => {
        const { name } = command.metadata;
        const state = isHandled(context, name) ? 'Done' : 'Refused';
        await answer(context, undefined, command, { name, state, message: state === 'Done' ? 'done' : message }, true);
      });
    },
    async refuseOrphans(commands) {
      const options = { fieldManager: CONTROLLER_MANAGER, subresource: 'status' } as const;
      await inTurn(commands, async ({ metadata, spec, status }) => {
        if (status || metadata.deletionTimestamp !== undefined) return;
        // The cache may be behind: both may have been made a moment ago.
        if (!(await isAbsent(cluster, spec.deployment, metadata.namespace))) return;
        const message = `There is no ModelDeployment "${spec.deployment}" in namespace ${metadata.namespace}.`;
        const refused: RolloutCommand['status'] = { state: 'Refused', message, handledAt: iso(clock.now()) };
        try {
          await cluster.patch(
            ROLLOUTCOMMANDS,
            metadata.name,
            metadata.namespace,
            'merge',
            { status: refused },
            options,
          );
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      });
    },
    async expire({ metadata, status }) {
      if (!status) return undefined;
      const left = Date.parse(status.handledAt) + COMMAND_KEPT_MS - clock.now();
      if (left > 0) return left;
      try {
        await cluster.delete(
          ROLLOUTCOMMANDS,
          metadata.name,
          metadata.namespace,
          metadata.uid ? { uid: metadata.uid } : {},
        );
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return undefined;
    },
    forget: (key) => void marked.delete(key),
  };
}

const isHandled = ({ md }: Visit, name: string): boolean => md.status?.handledCommands?.includes(name) ?? false;

async function isAbsent(cluster: ClusterPort, name: string, namespace: string | undefined): Promise<boolean> {
  try {
    await cluster.get(MODELDEPLOYMENTS, name, namespace);
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
