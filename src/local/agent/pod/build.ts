/** Makes a pod's containers: what they run, where their probes ask, what they tell whom. */
import type { Clock } from '../../../lib/clock.ts';
import type { KubeObject } from '../../../platform/cluster/port.ts';
import { PODS } from '../../../platform/cluster/resources.ts';
import type { Recorder } from '../../recorder.ts';
import type { ActionTarget } from '../container/action.ts';
import { type Command, commandOf } from '../container/command.ts';
import { Container } from '../container/container.ts';
import { ConfigMissing, environmentOf } from '../container/env.ts';
import { ID_VARIABLE } from '../container/process.ts';
import { containerDirOf, type PodRecord } from '../records.ts';
import type { AgentPod, Container as ContainerSpec, Images } from '../types.ts';
import type { Refs } from './refs.ts';
import { volumeDir } from './volumes.ts';

export interface BuildContext {
  images: Images;
  /** Only images that are declared are run, whatever command a pod brings. */
  isStrict: boolean;
  refs: Refs;
  recorder: Recorder;
  clock: Clock;
  nodeAddress: string;
  allocatable: Readonly<Record<string, string>>;
  podDir: (uid: string) => string;
  wake: (uid: string) => void;
}

export interface Builder {
  /** @throws ConfigMissing, NotYetKnown */
  commandOf(spec: ContainerSpec): Command;
  make(spec: ContainerSpec): Container;
}

type Environment = ReadonlyMap<string, string>;

/** Whether a ConfigMap or Secret exists is being asked: the pod is woken by the answer. */
export class NotYetKnown extends Error {
  override readonly name = 'NotYetKnown';
}

export const specGraceMs = (pod: AgentPod): number => (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;

/** `newest` gives the pod as it is now: labels and annotations may change while it runs. */
export function createBuilder(context: BuildContext, record: PodRecord, newest: () => AgentPod): Builder {
  const { images, refs, recorder, clock, nodeAddress, allocatable, wake } = context;
  const { uid, namespace, address } = record;
  const podDir = context.podDir(uid);
  const ports = new Map(Object.entries(record.ports).map(([from, to]) => [Number(from), to]));

  function lookup(kind: 'ConfigMap' | 'Secret', name: string): KubeObject | undefined {
    const object = refs.get(uid, kind, namespace, name);
    if (object === 'unknown') throw new NotYetKnown(`${kind} ${name}`);
    if (object instanceof Error) throw new ConfigMissing(object.message);
    return object === 'absent' ? undefined : object;
  }

  const environment = (spec: ContainerSpec): Environment =>
    environmentOf(spec, { pod: newest(), podIp: address, hostIp: nodeAddress, allocatable }, lookup);
  /**
   * What each container was started with, for what is run beside it: made anew, a Secret that was deleted since would fail
   * a probe, and a program that is well be killed. After an adoption nobody knows it; then it is as it would be now.
   */
  const started = new Map<string, Environment>();

  const command = (spec: ContainerSpec, values: Environment): Command =>
    commandOf(spec, {
      pod: newest(),
      values,
      images,
      dir: containerDirOf(podDir, spec.name),
      volumeDir: (name) => volumeDir(podDir, name),
      ports,
    });

  function targetOf(spec: ContainerSpec, id: () => string): ActionTarget {
    return {
      address,
      portOf(port) {
        const named = spec.ports?.find(({ name }) => name === port)?.containerPort;
        const own = /^\d+$/.test(String(port)) ? Number(port) : named;
        return own === undefined ? undefined : (ports.get(own) ?? own);
      },
      exec(argv) {
        const values = started.get(spec.name) ?? environment(spec);
        const { env, ...rest } = command({ ...spec, command: [...argv], args: [] }, values);
        return { ...rest, env: { ...env, [ID_VARIABLE]: id() } }; // so that it ends with the container
      },
    };
  }

  return {
    commandOf(spec) {
      const values = environment(spec);
      started.set(spec.name, values);
      return command(spec, values);
    },
    make(spec) {
      const container: Container = new Container({
        spec,
        podDir,
        clock,
        target: targetOf(spec, () => container.record?.id ?? ''),
        events: {
          changed: () => wake(uid),
          normal: (reason, message) => recorder.normal(PODS, newest(), reason, message),
          warning: (reason, message) => recorder.warning(PODS, newest(), reason, message),
          mustRestart(type, probe) {
            const seconds = probe.terminationGracePeriodSeconds;
            const why = `Container ${spec.name} failed ${type.toLowerCase()} probe, will be restarted`;
            container.stop(seconds === undefined ? specGraceMs(newest()) : seconds * 1000, { why });
          },
        },
      });
      return container;
    },
  };
}
