/**
 * The image of deploy/Dockerfile without a container engine: the same folder (scripts/image.ts) as a layer over a root file
 * system of Debian packages, which are those of the Dockerfile's base. Written as a docker-archive, which `ctr images import`
 * and `docker load` read. The operating system is kept between runs; the folder is made anew, since it is what is tested.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CACHE } from './build/build.ts';

/** What gcr.io/distroless/cc-debian12 has of files that a program opens. */
const PACKAGES = ['base-files', 'netbase', 'tzdata', 'libc6', 'libgcc-s1', 'libstdc++6', 'ca-certificates'];

export interface BuiltImage {
  name: string;
  /** A docker-archive. */
  file: string;
  bytes: number;
}

/** `into` is an existing folder; `app` is what `assembleImage` made. */
export async function buildImage(name: string, into: string, app: string): Promise<BuiltImage> {
  const work = mkdtempSync(join(tmpdir(), 'clops-image-'));
  try {
    const layer = join(work, 'app.tar');
    const owned = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=a+rX,u+w,go-w'];
    execFileSync('tar', [...owned, '--transform=flags=r;s,^\\.,opt/app,', '-C', app, '-cf', layer, '.']);
    const file = join(into, 'image.tar');
    await writeArchive(name, file, [rootFileSystem(), layer], work);
    return { name, file, bytes: statSync(file).size };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Unpacked only: no package runs its scripts, as in the base image. */
function rootFileSystem(): string {
  const folder = join(CACHE, 'image');
  const file = join(folder, 'debian12.tar');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const part = `${file}.${process.pid}.tar`;
  execFileSync('mmdebstrap', ['--quiet', '--variant=extract', `--include=${PACKAGES.join(',')}`, 'bookworm', part]);
  renameSync(part, file);
  return file;
}

/** What the Dockerfile says with ENTRYPOINT, USER and WORKDIR. */
const CONFIG = {
  Entrypoint: ['/opt/app/node', '/opt/app/main.js'],
  User: '65532:65532',
  WorkingDir: '/opt/app',
  Env: ['NODE_ENV=production', 'PATH=/opt/app:/usr/bin:/bin'],
};

async function writeArchive(name: string, file: string, layers: readonly string[], work: string): Promise<void> {
  const digests = await Promise.all(layers.map(digestOf));
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: CONFIG,
    rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
  });
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  writeFileSync(join(work, configName), config);
  const names = digests.map((digest) => `${digest}.tar`);
  writeFileSync(join(work, 'manifest.json'), JSON.stringify([{ Config: configName, RepoTags: [name], Layers: names }]));
  for (const [i, layer] of layers.entries()) execFileSync('ln', ['-sf', layer, join(work, names[i] ?? '')]);
  execFileSync('tar', ['-C', work, '-chf', file, 'manifest.json', configName, ...names]);
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
