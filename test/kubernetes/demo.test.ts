/** `npm run kubernetes:demo`, as a person starts it, does what it prints, changes the token as the documentation says, and ends it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { missingPrograms, pathOf } from './build/build.ts';
import { clusters, missingFor } from './cluster.ts';
import { isOnPath } from './parts/missing.ts';

const unbuilt =
  missingPrograms(['chart']).length > 0 ? 'helm is not built yet: `npm run kubernetes:build`.' : undefined;
const unpacked = isOnPath('mmdebstrap') ? undefined : 'The image needs mmdebstrap: `apt-get install mmdebstrap`.';
const missing = missingFor({ nodes: 1, traefik: true, dns: true }) ?? unbuilt ?? unpacked;
if (missing) console.warn(`Skipped: ${missing}`);

describe.skipIf(missing)('the demo on a real cluster', () => {
  let demo: ChildProcess;
  let printed = '';
  let said = '';

  beforeAll(async () => {
    // What npm runs: npm itself ends as the signal says, whatever its script made of it.
    demo = spawn(process.execPath, ['test/kubernetes/main.ts', 'demo'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    demo.stdout?.on('data', (data: Buffer) => (printed += data));
    demo.stderr?.on('data', (data: Buffer) => (said += data));
    await eventually(
      () => {
        if (demo.exitCode !== null) return;
        expect(printed).toContain('npx clops promote vad');
      },
      { withinMs: 290_000 },
    );
    expect(demo.exitCode, said).toBeNull();
  });
  afterAll(() => {
    if (demo.exitCode === null) process.kill(-(demo.pid ?? 0), 'SIGINT');
  });

  /** A line for a shell, after those that it printed first and with the commands of this build. */
  function type(line: string): Promise<{ code: number; out: string }> {
    const exports = printed.split('\n').filter((one) => one.startsWith('export '));
    const programs = [
      `npx() { shift; '${process.execPath}' bin/clops.js "$@"; }`,
      ...(['kubectl', 'helm'] as const).map((name) => `${name}() { '${pathOf(name)}' "$@"; }`),
    ];
    const script = [...exports, ...programs, line].join('\n');
    return new Promise((resolve) =>
      execFile('bash', ['-c', script], { timeout: 120_000 }, (error, out, err) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, out: out + err }),
      ),
    );
  }

  it('prints lines that do what they seem to', async () => {
    const ask = printed.split('\n').find((line) => line.startsWith('curl ')) ?? '';
    const answer = await type(`${ask} --silent --fail`);
    expect(JSON.parse(answer.out)).toMatchObject({ model_name: 'vad', outputs: expect.any(Array) });
    expect((await type('npx clops status vad')).out).toMatch(/PAUSED/i);
    expect(await type('npx clops promote vad')).toMatchObject({ code: 0 });
    const listed = await type('kubectl -n speech get modeldeployments,pods');
    expect(listed.out).toMatch(/modeldeployment.*vad[\s\S]*pod\/vad-/);
  });

  it('takes a new token as the documentation says, and no longer the old one', async () => {
    const [, steps = ''] =
      /## A token that others have seen[\s\S]*?```sh\n([\s\S]*?)```/.exec(readFileSync('docs/operations.md', 'utf8')) ??
      [];
    expect(await type('npx clops models list')).toMatchObject({ code: 0 });
    const changed = await type(`set -e\n${steps}`);
    expect(changed, changed.out).toMatchObject({ code: 0 });
    expect((await type('npx clops models list')).out).toMatch(/does not accept|token/);
    const token =
      "export CLOPS_TOKEN=$(kubectl -n clops-system get secret clops -o jsonpath='{.data.token}' | base64 -d)";
    const again = await type(`${token}\nnpx clops models list`);
    expect(again, again.out).toMatchObject({ code: 0 });
  });

  it('leaves nothing after Ctrl-C', async () => {
    const name = /^export KUBECONFIG=.*\/([^/]+)\/admin\.kubeconfig$/m.exec(printed)?.[1];
    expect(clusters()).toContain(name);
    process.kill(-(demo.pid ?? 0), 'SIGINT');
    const [code] = await once(demo, 'exit');
    expect(code).toBe(0);
    expect(clusters()).not.toContain(name);
    expect(said).toContain('✓ nothing is left');
  });
});
