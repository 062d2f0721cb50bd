// biome-ignore-all lint/style/useNodejsImportProtocol: Node 12 does not know it, and must reach the sentence that refuses it.
'use strict';
/**
 * Makes a fresh clone runnable: installs the dependencies when they are missing or older than the lock file, and builds
 * dist/ when a source is newer. Runs before `npm start`, `npm test` and `npm run check`, under whatever Node the machine
 * has, so it is plain JavaScript that Node 12 can parse: an old Node must reach the sentence that refuses it.
 * Says nothing when there is nothing to do. Two at once take turns. Progress goes to stderr.
 */
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const OLDEST_NODE = 20;
const OLDEST_GLIBC = [2, 28];
const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** Something the person can put right. Printed as it is, without a stack. */
class Refusal extends Error {}

// --- May this machine run it at all? -------------------------------------------------------------------------------

/** One sentence, or null when the machine will do. `machine` is a parameter so that a test can describe another one. */
function refusalOf(machine) {
  const node = machine.nodeVersion;
  if (Number(node.split('.')[0]) < OLDEST_NODE) {
    return `CLOps needs Node ${OLDEST_NODE} or newer to install itself, and this is Node ${node}: install a newer one from https://nodejs.org and run the command again.`;
  }
  const platform = `${machine.os}-${machine.arch}`;
  if (machine.os === 'win32') return 'CLOps runs on Linux and macOS, not on Windows: run it inside WSL 2.';
  if (PLATFORMS.indexOf(platform) < 0) {
    return `CLOps runs on Linux and macOS, on x64 and arm64, not on ${platform}.`;
  }
  if (machine.os !== 'linux') return null;
  if (machine.glibc === null) {
    return 'CLOps needs a Linux with glibc (Debian, Ubuntu, Fedora …), and this one uses musl (Alpine): its Postgres and its Node do not run here.';
  }
  const [major, minor] = machine.glibc.split('.').map(Number);
  if (major < OLDEST_GLIBC[0] || (major === OLDEST_GLIBC[0] && minor < OLDEST_GLIBC[1])) {
    return `CLOps needs glibc ${OLDEST_GLIBC.join('.')} or newer, and this Linux has ${machine.glibc}: use a newer release of it.`;
  }
  return null;
}

function thisMachine() {
  return { nodeVersion: process.versions.node, os: process.platform, arch: process.arch, glibc: glibcVersion() };
}

/** The version of glibc, or null on musl. Node reports it itself; `ldd` and `getconf` need not be there. */
function glibcVersion() {
  if (process.platform !== 'linux' || !process.report) return null;
  process.report.excludeNetwork = true; // Otherwise the report looks up host names, which can take seconds.
  const report = process.report.getReport();
  return (typeof report === 'string' ? JSON.parse(report) : report).header.glibcVersionRuntime || null;
}

// --- What is there to do? ------------------------------------------------------------------------------------------

const at = (root, ...parts) => path.join(root, ...parts);

function mtime(file) {
  try {
    return fs.statSync(file).mtimeMs;
  } catch (_) {
    return null;
  }
}

/**
 * npm writes node_modules/.package-lock.json last, so an interrupted install has none. A copied or restored folder has
 * times in any order: then what is installed is compared with what is asked for, before 700 MB are fetched again.
 */
function installIsDue(root) {
  const installed = at(root, 'node_modules', '.package-lock.json');
  const when = mtime(installed);
  if (when === null || mtime(pinnedNode(root)) === null) return true;
  if (when >= mtime(at(root, 'package-lock.json'))) return false;
  if (!installedMatches(root, installed)) return true;
  touch(installed, Date.now());
  return false;
}

function installedMatches(root, installed) {
  const asked = JSON.parse(fs.readFileSync(at(root, 'package-lock.json'), 'utf8')).packages;
  const there = JSON.parse(fs.readFileSync(installed, 'utf8')).packages;
  const same = (name) => asked[name] && asked[name].integrity === there[name].integrity;
  const missing = (name) => name !== '' && !asked[name].optional && !there[name];
  return Object.keys(there).every(same) && !Object.keys(asked).some(missing);
}

const pinnedNode = (root) => at(root, 'node_modules', '.bin', 'node');

/** Our own mark, not .tsbuildinfo: the compiler leaves that unchanged when nothing changed, and new when it failed. */
const buildMark = (root) => at(root, 'dist', '.built');

function buildIsDue(root) {
  const built = mtime(buildMark(root));
  if (built === null || mtime(at(root, 'dist', '.tsbuildinfo')) === null) return true;
  const inputs = ['tsconfig.json', 'tsconfig.build.json', 'package.json', 'package-lock.json'];
  return inputs.some((name) => mtime(at(root, name)) > built) || newestIn(at(root, 'src')) > built;
}

/** Folders count too: their time moves when a file is removed or renamed. */
function newestIn(folder) {
  let newest = mtime(folder) || 0;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = at(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(file) : mtime(file) || 0);
  }
  return newest;
}

function touch(file, ms) {
  fs.utimesSync(file, ms / 1000, ms / 1000);
}

// --- Doing it ------------------------------------------------------------------------------------------------------

/**
 * The Node that is not ours: `npm ci` removes node_modules, and with it the Node in node_modules/.bin that may be running
 * this very script on the second start.
 */
function machineNode(root) {
  const inside = (file) => file.startsWith(at(root, 'node_modules') + path.sep);
  const given = process.env.npm_node_execpath;
  const candidates = [process.execPath, given].concat(
    (process.env.PATH || '').split(path.delimiter).map((folder) => path.join(folder, 'node')),
  );
  const found = candidates.find((file) => file && path.isAbsolute(file) && !inside(file) && mtime(file) !== null);
  if (!found) throw new Refusal(`CLOps needs a Node ${OLDEST_NODE} or newer on the PATH to install its dependencies.`);
  return found;
}

/** npm as it was called, else the npm of the PATH. */
function npmCommand(root, args) {
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(cli) && mtime(cli) !== null) return [machineNode(root), [cli].concat(args)];
  return ['npm', args];
}

async function install(root) {
  const node = machineNode(root);
  const version = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.trim();
  const refusal = version && refusalOf(Object.assign(thisMachine(), { nodeVersion: version }));
  if (refusal) throw new Refusal(refusal);
  // NODE_ENV=production and `omit=dev` would leave out the compiler and the pinned Node.
  const flags = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--prefer-offline'];
  const [command, args] = npmCommand(root, ['ci'].concat(flags));
  const env = { ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_progress: 'false' };
  await step('Installing the dependencies (once, about a minute)', 'dependencies installed', {
    command,
    args,
    root,
    env,
    hint: 'The dependencies could not be installed. The first start needs the npm registry; later ones need no network.',
  });
  // A machine with `ignore-scripts=true` skips the one install script that is needed: the pinned Node's.
  if (mtime(pinnedNode(root)) !== null) return;
  await step('Installing the pinned Node', 'pinned Node installed', {
    command: node,
    args: ['installArchSpecificPackage.js'],
    root: at(root, 'node_modules', 'node'),
    env: {},
    hint: 'The npm package "node" could not be installed. It brings the Node that CLOps runs on.',
  });
}

async function build(root) {
  const began = Date.now();
  await step('Building', 'built', {
    command: pinnedNode(root),
    args: [at(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
    root,
    env: {},
    hint: 'The build failed: the lines above say where.',
  });
  fs.writeFileSync(buildMark(root), '');
  touch(buildMark(root), began); // What is saved while the compiler runs is newer than this build.
}

const children = new Set();
let interruptedBy = null;

/** Runs a command; its output is shown only when it fails. */
function step(doing, done, task) {
  const began = Date.now();
  const stop = progress(doing, began);
  return new Promise((resolve, reject) => {
    const child = spawn(task.command, task.args, {
      cwd: task.root,
      env: Object.assign({}, process.env, task.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => {
      stop();
      reject(new Refusal(`${task.command} could not be started (${error.code}). ${task.hint}`));
    });
    child.on('close', (code) => {
      children.delete(child);
      stop();
      if (code === 0) {
        say(`✓ ${done} (${seconds(began)})`);
        resolve();
        return;
      }
      if (interruptedBy !== null) {
        reject(new Refusal('Interrupted.'));
        return;
      }
      const lines = Buffer.concat(output).toString('utf8').trimEnd().split('\n');
      say(lines.slice(-60).join('\n'));
      reject(new Refusal(task.hint));
    });
  });
}

const say = (line) => process.stderr.write(`${line}\n`);
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** A line that counts on a terminal; on anything else one line now and one every half minute, so that logs stay short. */
function progress(doing, began) {
  if (!process.stderr.isTTY) {
    say(`${doing} …`);
    const timer = setInterval(() => say(`  … ${seconds(began)}`), 30000);
    return () => clearInterval(timer);
  }
  const draw = () => process.stderr.write(`\r${doing} … ${Math.floor((Date.now() - began) / 1000)} s `);
  draw();
  const timer = setInterval(draw, 1000);
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\u001b[K');
  };
}

// --- One at a time -------------------------------------------------------------------------------------------------

/** A process as pid and start time: pids are used again, after a restart of the machine or the container at once. */
function identityOf(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
    }
    const ps = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return ps.status === 0 && ps.stdout.trim() !== '' ? `${pid} ${ps.stdout.trim()}` : null;
  } catch (_) {
    return null;
  }
}

/** Waits for its turn. The lock appears complete (a link to a written file), and a dead holder's is taken over. */
async function takeLock(root) {
  const folder = at(root, '.cache');
  const lock = at(folder, 'setup.lock');
  const mine = at(folder, `setup.${process.pid}`);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(mine, identityOf(process.pid));
  let told = false;
  try {
    for (;;) {
      try {
        fs.linkSync(mine, lock);
        return () => fs.rmSync(lock, { force: true });
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = readOrNull(lock);
      if (holder === null) continue;
      const pid = holder.split(' ')[0];
      if (identityOf(pid) !== holder) {
        dropStale(lock, holder, mine);
        continue;
      }
      if (!told) say(`Waiting for another set-up of this folder (process ${pid}) …`);
      told = true;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } finally {
    fs.rmSync(mine, { force: true });
  }
}

/** Moves the stale lock away; when somebody was quicker and it is his fresh one that was moved, it goes back. */
function dropStale(lock, holder, mine) {
  const aside = `${mine}.stale`;
  try {
    fs.renameSync(lock, aside);
    if (readOrNull(aside) !== holder) fs.linkSync(aside, lock);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  fs.rmSync(aside, { force: true });
}

function readOrNull(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (_) {
    return null;
  }
}

// --- All of it -----------------------------------------------------------------------------------------------------

/** `purpose`: start, test or check. A check compiles for itself, and must be able to say what does not compile. */
async function setUp(root, purpose) {
  const refusal = refusalOf(thisMachine());
  if (refusal) throw new Refusal(refusal);
  const buildToo = purpose !== 'check';
  if (!installIsDue(root) && !(buildToo && buildIsDue(root))) return;
  let release;
  try {
    release = await takeLock(root);
  } catch (error) {
    if (error.code !== 'EACCES' && error.code !== 'EROFS' && error.code !== 'EPERM') throw error;
    throw new Refusal(`${root} cannot be written by this user, and CLOps has to install or build itself there.`);
  }
  // The lock is held until the child is gone: an npm that is still tidying up must not meet the next one.
  const interrupt = (signal) => {
    interruptedBy = interruptedBy || signal;
    for (const child of children) child.kill(signal);
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    if (installIsDue(root)) await install(root);
    if (buildToo && buildIsDue(root)) await build(root);
  } finally {
    release();
  }
}

if (require.main === module) {
  setUp(path.resolve(__dirname, '..'), process.argv[2]).catch((error) => {
    say(error instanceof Refusal ? error.message : error.stack);
    process.exitCode = interruptedBy === 'SIGINT' ? 130 : interruptedBy === 'SIGTERM' ? 143 : 1;
  });
}

module.exports = { refusalOf, installIsDue, buildIsDue, newestIn, setUp };
