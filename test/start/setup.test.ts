import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';

const HERE = join(import.meta.dirname, '..', '..');
const SETUP = join(HERE, 'scripts', 'setup.cjs');

interface Machine {
  nodeVersion: string;
  os: string;
  arch: string;
  glibc: string | null;
}
const setup = createRequire(import.meta.url)(SETUP) as { refusalOf(machine: Machine): string | null };

describe('a machine that cannot run it is told so in one sentence', () => {
  const fine: Machine = { nodeVersion: '20.1.0', os: 'linux', arch: 'x64', glibc: '2.36' };
  test.each([
    [{ nodeVersion: '18.20.4' }, /needs Node 20 or newer .* this is Node 18\.20\.4/],
    [{ nodeVersion: '8.17.0' }, /this is Node 8\.17\.0/],
    [{ glibc: null }, /musl \(Alpine\)/],
    [{ glibc: '2.17' }, /needs glibc 2\.28 or newer, and this Linux has 2\.17/],
    [{ os: 'win32' }, /WSL 2/],
    [{ os: 'freebsd' }, /not on freebsd-x64/],
    [{ arch: 'riscv64' }, /not on linux-riscv64/],
  ])('%o', (difference, sentence) => {
    const refusal = setup.refusalOf({ ...fine, ...difference });
    expect(refusal).toMatch(sentence);
    expect(refusal).not.toContain('\n');
  });

  test('others may', () => {
    expect(setup.refusalOf(fine)).toBeNull();
    expect(setup.refusalOf({ nodeVersion: '24.0.0', os: 'darwin', arch: 'arm64', glibc: null })).toBeNull();
  });

  test('an old Node can parse it', () => {
    const code = readFileSync(SETUP, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*|'[^']*'/g, '');
    expect(code).not.toMatch(/\?\.|\?\?|\|\|=|&&=|\bimport\b|await import|#[a-z]+\s*=/);
  });
});

describe('on a copy of the project', () => {
  let root: string;
  const started: ChildProcess[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'clops set up '));
    for (const file of ['tsconfig.json', 'tsconfig.build.json', 'package.json'])
      cpSync(join(HERE, file), join(root, file));
    mkdirSync(join(root, 'scripts'));
    mkdirSync(join(root, 'src', 'part'), { recursive: true });
    mkdirSync(join(root, 'node_modules'));
    cpSync(SETUP, join(root, 'scripts', 'setup.cjs'));
    for (const name of ['typescript', '@types', '@typescript', '.bin']) {
      if (existsSync(join(HERE, 'node_modules', name)))
        symlinkSync(join(HERE, 'node_modules', name), join(root, 'node_modules', name));
    }
    writeFileSync(
      join(root, 'package-lock.json'),
      JSON.stringify({ packages: { '': {}, 'node_modules/a': { integrity: 'x' } } }),
    );
    installed({ 'node_modules/a': { integrity: 'x' } });
    writeFileSync(join(root, 'src', 'main.ts'), 'export const answer: number = 42;\n');
    writeFileSync(join(root, 'src', 'part', 'old.ts'), 'export {};\n');
  });

  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  });

  const installed = (packages: object): void =>
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
  const age = (file: string, seconds: number): void => {
    const at = Date.now() / 1000 - seconds;
    utimesSync(join(root, file), at, at);
  };

  function start(
    env: NodeJS.ProcessEnv = {},
    flags: string[] = [],
  ): { child: ChildProcess; end: Promise<{ code: number | null; said: string }> } {
    const child = spawn(process.execPath, [...flags, join(root, 'scripts', 'setup.cjs'), 'start'], {
      env: { ...process.env, ...env },
    });
    started.push(child);
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    const end = new Promise<{ code: number | null; said: string }>((resolve) =>
      child.on('close', (code) => resolve({ code, said })),
    );
    return { child, end };
  }
  const run = (env: NodeJS.ProcessEnv = {}, flags: string[] = []) => start(env, flags).end;

  /** Stands in for npm, so that no network is needed: what matters here is when it is called and how. */
  function npmThat(body: string): NodeJS.ProcessEnv {
    const file = join(root, 'npm-cli.cjs');
    writeFileSync(file, `const fs = require('fs'); const root = ${JSON.stringify(root)}; ${body}`);
    return { npm_execpath: file };
  }

  test('builds what is new, is silent when there is nothing to do, and builds again when a source changes or goes', async () => {
    const first = await run();
    expect(first).toMatchObject({ code: 0, said: expect.stringMatching(/Building …\n✓ built \(\d+\.\d s\)\n/) });
    expect(readFileSync(join(root, 'dist', 'main.js'), 'utf8')).toContain('answer = 42');
    expect(await run()).toEqual({ code: 0, said: '' });
    writeFileSync(join(root, 'src', 'main.ts'), 'export const answer: number = 43;\n');
    expect((await run()).said).toContain('✓ built');
    expect(readFileSync(join(root, 'dist', 'main.js'), 'utf8')).toContain('answer = 43');
    rmSync(join(root, 'src', 'part', 'old.ts'));
    expect((await run()).said).toContain('✓ built');
    expect(await run()).toEqual({ code: 0, said: '' });
  });

  test('a source that does not compile fails, and fails again', async () => {
    writeFileSync(join(root, 'src', 'main.ts'), 'export const answer: number = "no";\n');
    for (let i = 0; i < 2; i++) {
      const { code, said } = await run();
      expect(code).toBe(1);
      expect(said).toContain('src/main.ts(1,14): error TS2322');
      expect(said.trimEnd()).toMatch(/The build failed: the lines above say where\.$/);
    }
  });

  test('two at once take turns: one builds', async () => {
    const both = await Promise.all([run(), run()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.filter(({ said }) => said.includes('✓ built'))).toHaveLength(1);
    expect(existsSync(join(root, '.cache', 'setup.lock'))).toBe(false);
  });

  test('the lock of a dead holder is taken over', async () => {
    mkdirSync(join(root, '.cache'));
    writeFileSync(join(root, '.cache', 'setup.lock'), `${process.pid} 1`);
    expect(await run()).toMatchObject({ code: 0, said: expect.not.stringContaining('Waiting') });
  });

  test('a missing or interrupted install is done, without scripts that download', async () => {
    rmSync(join(root, 'node_modules', '.package-lock.json'));
    const env = npmThat(`
      fs.writeFileSync(root + '/called', JSON.stringify([process.argv.slice(2), process.env.ONNXRUNTIME_NODE_INSTALL]));
      fs.writeFileSync(root + '/node_modules/.package-lock.json', '{}');`);
    const { code, said } = await run({ ...env, NODE_ENV: 'production' });
    expect(said).toContain('✓ dependencies installed');
    expect(code).toBe(0);
    const [args, skip] = JSON.parse(readFileSync(join(root, 'called'), 'utf8')) as [string[], string];
    expect(args.slice(0, 3)).toEqual(['ci', '--include=dev', '--include=optional']);
    expect(skip).toBe('skip');
  });

  test('an older install is compared before it is thrown away', async () => {
    age('node_modules/.package-lock.json', 60);
    const broken = npmThat(`console.error('npm error code ENOTFOUND'); process.exit(1);`);
    expect(await run(broken)).toMatchObject({ code: 0, said: expect.not.stringContaining('Installing') });
    installed({ 'node_modules/a': { integrity: 'y' } });
    age('node_modules/.package-lock.json', 60);
    const { code, said } = await run(broken);
    expect(code).toBe(1);
    expect(said).toContain('npm error code ENOTFOUND');
    expect(said.trimEnd().split('\n').at(-1)).toMatch(/could not be installed.*npm registry/);
  });

  test('Ctrl-C during the install ends it and leaves no lock', async () => {
    rmSync(join(root, 'node_modules', '.package-lock.json'));
    const { child, end } = start(npmThat(`fs.writeFileSync(root + '/called', ''); setInterval(() => {}, 1000);`));
    await eventually(() => expect(existsSync(join(root, 'called'))).toBe(true));
    child.kill('SIGINT');
    expect(await end).toMatchObject({ code: 130 });
    expect(existsSync(join(root, '.cache', 'setup.lock'))).toBe(false);
  });

  test('an old Node is refused when it really runs it', async () => {
    writeFileSync(join(root, 'old.cjs'), `Object.defineProperty(process.versions, 'node', { value: '18.19.1' });`);
    const { code, said } = await run({}, ['--require', join(root, 'old.cjs')]);
    expect({ code, lines: said.trimEnd().split('\n').length }).toEqual({ code: 1, lines: 1 });
    expect(said).toContain('this is Node 18.19.1');
  });
});
