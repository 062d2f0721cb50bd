/**
 * A real model behind a real canary, asked without pause while the canary starts, is promoted, is aborted and rolled back:
 * no request fails, every answer is bit for bit what onnxruntime gives for the same file, and the shares are the weights.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { aPlatform, type Platform } from '../support/platform.ts';

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node');
/** Versions 1, 2 and 3; the last has the bytes of the second. */
const FILES = ['v5', 'v6', 'v6'].map((name) =>
  readFileSync(`node_modules/@ricky0123/vad-web/dist/silero_vad_${name}.onnx`),
);
/** Something that both versions answer differently. */
const FRAME = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i / 7) * 0.4 + Math.sin(i / 3) * 0.2);
const BODY = JSON.stringify({
  inputs: [
    { name: 'input', shape: [1, 512], datatype: 'FP32', data: [...FRAME] },
    { name: 'state', shape: [2, 1, 128], datatype: 'FP32', data: new Array(256).fill(0) },
    { name: 'sr', shape: [], datatype: 'INT64', data: [16000] },
  ],
});

let p: Platform;
let expected: number[][];
beforeAll(async () => {
  p = await aPlatform();
  expected = await Promise.all(FILES.map(directly));
  await p.ask('mutation { createTeam(input: { name: "speech" }) { errors { message } } }');
  const { createModel } = await p.ask<{ createModel: { model: { id: string } } }>(
    'mutation { createModel(input: { team: "speech", name: "vad" }) { model { id } } }',
  );
  for (const bytes of FILES) {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    await p.upload(digest, bytes);
    await p.ask(
      'mutation ($input: CreateModelVersionInput!) { createModelVersion(input: $input) { errors { message } } }',
      { input: { model: createModel.model.id, format: 'ONNX', artifact: { digest } } },
    );
  }
}, 90_000);
afterAll(() => p.close());

/** The same file, asked without any server. */
async function directly(bytes: Uint8Array): Promise<number[]> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const { output } = await session.run({
    input: new ort.Tensor('float32', FRAME, [1, 512]),
    state: new ort.Tensor('float32', new Float32Array(256), [2, 1, 128]),
    sr: new ort.Tensor('int64', BigInt64Array.of(16000n), []),
  });
  return [...((output as import('onnxruntime-node').Tensor).data as Float32Array)];
}

interface State {
  deployment: {
    id: string;
    phase: string;
    rollout: { id: string; phase: string; outcome: string | null; stepIndex: number };
    traffic: {
      role: string;
      weight: number;
      observedShare: number | null;
      observedRequests: number | null;
      version: { number: number };
    }[];
    conditions: { type: string; status: string; reason: string }[];
  };
}
const state = async () =>
  (
    await p.ask<State>(
      '{ deployment(team: "speech", name: "vad") { id phase rollout { id phase outcome stepIndex } conditions { type status reason } traffic { role weight observedShare observedRequests version { number } } } }',
    )
  ).deployment;

const deploy = (version: number, steps: object[]) =>
  p.ask(
    'mutation ($input: DeployModelInput!) { deployModel(input: $input) { rollout { id } errors { message path } } }',
    {
      input: {
        team: 'speech',
        name: 'vad',
        model: 'vad',
        version: { number: version },
        replicas: 2,
        strategy: { canary: { steps, scaleDownDelaySeconds: 3 } },
      },
    },
  );
const drive = async (verb: string) => {
  const { rollout } = await state();
  const answer = await p.ask<Record<string, { errors: unknown[] }>>(
    `mutation { ${verb}(input: { rollout: "${rollout.id}" }) { errors { message } } }`,
  );
  expect(answer[verb]?.errors).toEqual([]);
};
const until = (check: (s: State['deployment']) => void) =>
  eventually(async () => check(await state()), { withinMs: 45_000, everyMs: 150 });

test('no request fails and every answer is right while versions come and go', { timeout: 240_000 }, async () => {
  const STEPS = [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }, { pause: {} }];
  await deploy(1, STEPS);
  await until((s) => expect(s.phase).toBe('HEALTHY'));

  const agent = new Agent({ connections: 6 });
  const wrong: string[] = [];
  const counts = new Map<string, number>();
  let stop = false;
  let sent = 0;
  const worker = async () => {
    while (!stop) {
      sent++;
      const answer = await request(`${p.gateway}/speech/vad/v2/models/vad/infer`, {
        method: 'POST',
        body: BODY,
        dispatcher: agent,
        headers: { 'content-type': 'application/json' },
      }).catch((error: Error) => error);
      if (answer instanceof Error) {
        wrong.push(answer.message);
        continue;
      }
      const text = await answer.body.text();
      const { model_version, outputs } =
        answer.statusCode === 200 ? JSON.parse(text) : { model_version: '0', outputs: [] };
      const data = outputs.find((o: { name: string }) => o.name === 'output')?.data;
      if (JSON.stringify(data) !== JSON.stringify(expected[Number(model_version) - 1]))
        wrong.push(`${answer.statusCode} ${text.slice(0, 200)}`);
      counts.set(model_version, (counts.get(model_version) ?? 0) + 1);
    }
  };
  const workers = Array.from({ length: 6 }, worker);

  const atWeight = async (weight: number) => {
    await until((s) => {
      const canary = s.traffic.find(({ role }) => role === 'CANARY');
      expect(canary).toMatchObject({ weight, version: { number: 2 } });
      expect(canary?.observedRequests).toBeGreaterThan(weight === 10 ? 30 : 200);
      expect(s.rollout.phase).toBe('PAUSED');
    });
    const { traffic, conditions } = await state();
    const total = traffic.reduce((sum, t) => sum + (t.observedRequests ?? 0), 0);
    const share = traffic.find(({ role }) => role === 'CANARY')?.observedShare ?? 0;
    const share999 = 3.29 * Math.sqrt(((weight / 100) * (1 - weight / 100)) / total);
    expect(Math.abs(share - weight / 100)).toBeLessThan(share999);
    expect(conditions.find(({ type }) => type === 'TrafficVerified')).toMatchObject({ status: 'TRUE' });
  };

  await deploy(2, STEPS);
  await atWeight(10);
  await drive('promoteRollout');
  await atWeight(50);
  await drive('promoteRollout');
  await until((s) => expect(s).toMatchObject({ phase: 'HEALTHY', rollout: { outcome: 'PROMOTED' } }));
  expect((await state()).traffic).toMatchObject([{ role: 'STABLE', weight: 100, version: { number: 2 } }]);

  const { id } = await state();
  await p.ask(`mutation { rollbackDeployment(input: { deployment: "${id}" }) { errors { message } } }`);
  await until((s) => expect(s).toMatchObject({ phase: 'HEALTHY', rollout: { outcome: 'FAST_ROLLED_BACK' } }));

  await deploy(3, [{ setWeight: 30 }, { pause: {} }]);
  await until((s) => expect(s).toMatchObject({ phase: 'PAUSED', rollout: { stepIndex: 1 } }));
  await drive('abortRollout');
  await until((s) => expect(s.rollout.outcome).toBe('ABORTED'));
  stop = true;
  await Promise.all(workers);
  await agent.close();

  expect(wrong).toEqual([]);
  expect(sent).toBeGreaterThan(2_000);
  expect(counts.get('1')).toBeGreaterThan(500);
  expect(counts.get('2')).toBeGreaterThan(500);
  expect(counts.get('3')).toBeGreaterThan(0);
});
