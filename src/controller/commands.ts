/**
 * RolloutCommands: which are unanswered, and how the answer gets onto them. An effect and the command's name in
 * handledCommands are one status patch; the mark on the command comes after it. Who finds the name without a mark only marks.
 */
import { API_VERSION, CONTROLLER_MANAGER } from '../contract/names.ts';
import type { RolloutCommand } from '../contract/rolloutcommand.ts';
import { allowedVerbs } from '../contract/verbs.ts';
import type { Clock } from '../lib/clock.ts';
import { type ClusterPort, isNotFound } from '../platform/cluster/port.ts';
import { MODELDEPLOYMENTS, ROLLOUTCOMMANDS } from '../platform/cluster/resources.ts';
import type { Context } from './observe.ts';
import { iso } from './rollout/begin.ts';
import type { Answer, Decision } from './rollout/types.ts';

/** How long an answered command can be read. */
const KEPT_MS = 3600_000;

export interface Commands {
  open(context: Context): { unanswered: RolloutCommand[]; handled: string[] };
  mark(context: Context, decision: Decision): Promise<void>;
  /** Refuses those whose deployment does not exist: there is no reconcile that would answer them. */
  refuseOrphans(commands: readonly RolloutCommand[]): Promise<void>;
  /** Milliseconds until an answered command is to be deleted; deletes it when that is now. */
  expire(command: RolloutCommand): Promise<number | undefined>;
}

export function createCommands(cluster: ClusterPort, clock: Clock): Commands {
  /** Marked here, which the cache may not show yet: a second mark would put other words on it. */
  const marked = new Set<string>();

  async function answer(context: Context, decision: Decision, command: RolloutCommand, given: Answer): Promise<void> {
    const { name, namespace } = command.metadata;
    const isRefused = given.state === 'Refused';
    const { stable, canary, rollout, history } = decision.run;
    const known = {
      spec: context.md.spec,
      status: { ...context.md.status, ...{ stable, canary, rollout, history: [...history] } },
    };
    const status: RolloutCommand['status'] = {
      state: given.state,
      message: given.message,
      ...(isRefused && { allowed: allowedVerbs(known as typeof context.md) }),
      handledAt: iso(clock.now()),
    };
    const options = { fieldManager: CONTROLLER_MANAGER };
    try {
      await own(context, command);
      await cluster.patch(ROLLOUTCOMMANDS, name, namespace, 'merge', { status }, { ...options, subresource: 'status' });
      marked.add(name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** One made by hand has no owner yet: it goes with its deployment like the others. */
  async function own({ md }: Context, { metadata }: RolloutCommand): Promise<void> {
    if (metadata.ownerReferences?.some(({ uid }) => uid === md.metadata.uid)) return;
    const owner = { apiVersion: API_VERSION, kind: 'ModelDeployment', name: md.metadata.name, uid: md.metadata.uid };
    const ownerReferences = [...(metadata.ownerReferences ?? []), owner];
    const options = { fieldManager: CONTROLLER_MANAGER };
    await cluster.patch(
      ROLLOUTCOMMANDS,
      metadata.name,
      metadata.namespace,
      'merge',
      { metadata: { ownerReferences } },
      options,
    );
  }

  return {
    open({ md, commands }) {
      const handled = md.status?.handledCommands ?? [];
      const pending = commands.filter(({ status, metadata }) => !status && metadata.deletionTimestamp === undefined);
      const names = new Set(pending.map(({ metadata }) => metadata.name));
      return {
        unanswered: pending.filter(({ metadata }) => !handled.includes(metadata.name)),
        handled: handled.filter((name) => names.has(name)),
      };
    },
    async mark(context, decision) {
      const handled = context.md.status?.handledCommands ?? [];
      for (const command of context.commands) {
        const { name } = command.metadata;
        if (command.status) {
          marked.delete(name);
          continue;
        }
        if (marked.has(name)) continue;
        if (decision.answer?.name === name) await answer(context, decision, command, decision.answer);
        else if (handled.includes(name))
          await answer(context, decision, command, { name, state: 'Done', message: 'done' });
      }
    },
    async refuseOrphans(commands) {
      const options = { fieldManager: CONTROLLER_MANAGER, subresource: 'status' } as const;
      for (const { metadata, spec, status } of commands) {
        if (status || metadata.deletionTimestamp !== undefined) continue;
        // The cache may be behind: both may have been made a moment ago.
        if (!(await isAbsent(cluster, spec.deployment, metadata.namespace))) continue;
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
      }
    },
    async expire({ metadata, status }) {
      if (!status) return undefined;
      const left = Date.parse(status.handledAt) + KEPT_MS - clock.now();
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
  };
}

async function isAbsent(cluster: ClusterPort, name: string, namespace: string | undefined): Promise<boolean> {
  try {
    await cluster.get(MODELDEPLOYMENTS, name, namespace);
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
