/** What is really run for a container: image → command, paths and ports rewritten, the environment with what is always in it. Pure. */
import { join } from 'node:path';
import type { AgentPod, Container, Image, Images } from '../types.ts';
import { expand, pathRewrite, portRewrite } from './rewrite.ts';

const TERMINATION_LOG = '/dev/termination-log';

/** Containers get nothing of the agent's own environment: it may hold tokens. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin';

export interface Command {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
}

export interface CommandOptions {
  pod: AgentPod;
  /** Its environment by its spec. */
  values: ReadonlyMap<string, string>;
  images: Images;
  /** The container's own folder: its home, and where its termination message lies. */
  dir: string;
  volumeDir: (name: string) => string;
  /** Ports that this pod has been given others for; empty where it has an address of its own. */
  ports: ReadonlyMap<number, number>;
}

/**
 * Why this container can never be started as it stands: a waiting reason and what to do about it. `isStrict`: pods come from
 * a cluster that others use too, and what is meant for an image of theirs must not run as a process of this machine.
 */
export function unrunnable(
  container: Container,
  images: Images,
  isStrict: boolean,
): { reason: string; message: string } | undefined {
  const image = container.image ?? '';
  if (image === '' || /[\s"']/.test(image) || image !== image.trim())
    return {
      reason: 'InvalidImageName',
      message: `Failed to apply default image tag "${image}": couldn't parse image name "${image}"`,
    };
  const hasCommand = container.command?.length || images[image]?.command?.length;
  if (hasCommand && (images[image] || !isStrict)) return undefined;
  const known = Object.keys(images).join(', ') || 'none';
  return {
    reason: 'ErrImageNeverPull',
    message: images[image]
      ? `Image "${image}" has no command on this node. Set command in the container, or "command" for this image in the file that CLOPS_LOCAL_CONFIG names.`
      : `Image "${image}" is not known to this node, which runs processes and pulls no images. ${isStrict ? 'Declare' : 'Set command in the container, or declare'} the image under "images" in the file that CLOPS_LOCAL_CONFIG names (known: ${known}).`,
  };
}

export function commandOf(container: Container, options: CommandOptions): Command {
  const { pod, values, images, dir, ports } = options;
  const image: Image = images[container.image ?? ''] ?? {};
  const paths = pathRewrite(pathsOf(container, image, options));
  const numbers = portRewrite(ports);
  const rewrite = (text: string): string => numbers(paths(text));
  const argv = [...(container.command ?? image.command ?? []), ...(container.args ?? [])];
  const env: Record<string, string> = {
    PATH,
    HOME: dir,
    HOSTNAME: pod.spec.hostname ?? pod.metadata.name,
    ...image.env,
    ...Object.fromEntries(values),
  };
  return {
    argv: argv.map((text) => rewrite(expand(text, values))),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, rewrite(value)])),
    cwd: container.workingDir ? paths(container.workingDir) : dir,
  };
}

function pathsOf(container: Container, image: Image, { dir, volumeDir }: CommandOptions): Map<string, string> {
  const paths = new Map(Object.entries(image.files ?? {}));
  paths.set(container.terminationMessagePath ?? TERMINATION_LOG, join(dir, 'termination-log'));
  for (const { name, mountPath, subPath = '' } of container.volumeMounts ?? [])
    paths.set(mountPath.replace(/(.)\/+$/, '$1'), join(volumeDir(name), subPath));
  return paths;
}
