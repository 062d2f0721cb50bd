/** A pod's volumes as folders under its own: emptyDir, configMap, secret. The folder of a volume never moves. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import type { KubeObject } from '../../../platform/cluster/port.ts';
import { dataOf } from '../container/env.ts';
import type { AgentPod, Container, KeyToPath, Volume } from '../types.ts';
import type { Known, RefKind } from './refs.ts';

export const volumeDir = (podDir: string, name: string): string => join(podDir, 'volumes', name);

/** In one sentence why a pod's volumes can never be had on this node; undefined when they can. */
export function unservedVolume(pod: AgentPod): string | undefined {
  const volume = (pod.spec.volumes ?? []).find(({ emptyDir, configMap, secret }) => !emptyDir && !configMap && !secret);
  if (!volume) return undefined;
  const source = Object.keys(volume).find((key) => key !== 'name') ?? 'no source';
  const advice = source === 'projected' ? '; set automountServiceAccountToken: false on the pod' : '';
  return `volume "${volume.name}": ${source} is not served on this node, only emptyDir, configMap and secret${advice}`;
}

export interface Prepared {
  /** What is not there, in words. */
  missing?: string | undefined;
  /** Whether something is there is just being asked: the pod is woken by the answer. */
  isAsked: boolean;
}

/** Makes and renews every volume. */
export function prepareVolumes(pod: AgentPod, podDir: string, get: (kind: RefKind, name: string) => Known): Prepared {
  let missing: string | undefined;
  let isAsked = false;
  for (const volume of pod.spec.volumes ?? []) {
    const dir = volumeDir(podDir, volume.name);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const source = sourceOf(volume);
    if (!source) continue;
    const object = get(source.kind, source.name);
    if (object instanceof Error) missing ??= `MountVolume.SetUp failed for volume "${volume.name}" : ${object.message}`;
    else if (typeof object === 'object') missing ??= fill(dir, volume, object, source);
    else if (object === 'unknown') isAsked = true;
    else if (!source.optional)
      missing ??= `MountVolume.SetUp failed for volume "${volume.name}" : ${source.kind.toLowerCase()} "${source.name}" not found`;
  }
  return { missing, isAsked };
}

/** A `subPath` of an emptyDir that is not there when a container starts becomes a folder, as a kubelet makes it. */
export function makeSubPaths(pod: AgentPod, { volumeMounts = [] }: Container, podDir: string): void {
  for (const { name, subPath } of volumeMounts) {
    const isOwn = pod.spec.volumes?.some((volume) => volume.name === name && volume.emptyDir);
    const path = join(volumeDir(podDir, name), subPath ?? '');
    if (isOwn && !existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 });
  }
}

interface Source {
  kind: RefKind;
  name: string;
  items: KeyToPath[] | undefined;
  optional: boolean;
}

function sourceOf({ configMap, secret }: Volume): Source | undefined {
  if (configMap)
    return { kind: 'ConfigMap', name: configMap.name, items: configMap.items, optional: configMap.optional ?? false };
  if (secret)
    return { kind: 'Secret', name: secret.secretName, items: secret.items, optional: secret.optional ?? false };
  return undefined;
}

function fill(dir: string, volume: Volume, object: KubeObject, source: Source): string | undefined {
  const data = new Map(dataOf(object));
  const items = source.items ?? [...data.keys()].map((key) => ({ key, path: key }));
  const wanted = new Set<string>();
  for (const { key, path } of items) {
    const bytes = data.get(key);
    const inside = normalize(path);
    if (inside.startsWith('..') || inside.startsWith('/')) return `volume "${volume.name}": path ${path} leaves it`;
    if (!bytes && source.optional) continue;
    if (!bytes)
      return `MountVolume.SetUp failed for volume "${volume.name}" : references non-existent ${source.kind.toLowerCase()} key: ${key}`;
    wanted.add(inside);
    put(join(dir, inside), bytes);
  }
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !wanted.has(relative(dir, path))) rmSync(path);
  }
  return undefined;
}

/** By rename, so that a reader never sees half a file; untouched when nothing changed. */
function put(path: string, bytes: Buffer): void {
  try {
    if (readFileSync(path).equals(bytes)) return;
  } catch {
    mkdirSync(dirname(path), { recursive: true });
  }
  writeFileSync(`${path}.tmp`, bytes, { mode: 0o600 });
  chmodSync(`${path}.tmp`, 0o600);
  renameSync(`${path}.tmp`, path);
}
