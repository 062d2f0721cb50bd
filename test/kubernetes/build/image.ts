/** Packs one static program as an image that containerd imports: a docker archive of one layer, made with tar. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../parts/run.ts';
import { pathOf } from './build.ts';

export type ImageName = 'pause' | 'web';

/** A name that no registry has: were it not there, nothing would be pulled from anywhere. */
export const referenceOf = (name: ImageName): string => `clops.invalid/${name}:1`;

export async function imageOf(name: ImageName): Promise<string> {
  const program = pathOf(name);
  const archive = `${program}.tar`;
  if (existsSync(archive)) return archive;
  const work = await mkdtemp(`${program}-image-`);
  try {
    for (const folder of ['dev', 'proc', 'sys', 'etc', 'tmp'])
      await mkdir(join(work, 'root', folder), { recursive: true });
    await copyFile(program, join(work, 'root', name));
    await tar(join(work, 'layer.tar'), join(work, 'root'), '.');
    const layer = createHash('sha256')
      .update(await readFile(join(work, 'layer.tar')))
      .digest('hex');
    const config = {
      architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
      os: 'linux',
      config: { Entrypoint: [`/${name}`], User: '65534:65534' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    };
    const manifest = [{ Config: 'config.json', RepoTags: [referenceOf(name)], Layers: ['layer.tar'] }];
    await writeFile(join(work, 'config.json'), JSON.stringify(config));
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
    await tar(join(work, 'image.tar'), work, 'manifest.json', 'config.json', 'layer.tar');
    await rename(join(work, 'image.tar'), archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

const tar = (archive: string, folder: string, ...what: string[]): Promise<string> =>
  run(['tar', '--owner=0', '--group=0', '--numeric-owner', '-cf', archive, '-C', folder, ...what]);
