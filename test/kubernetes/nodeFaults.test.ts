/** What a real node does to the pods of a model: it cannot get the image, it goes silent, it is taken away. Said in plain words, and over with its cause. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/contract/modeldeployment.ts';
import type { KubeObject } from '../../src/platform/cluster/port.ts';
import { NODES, SERVINGRUNTIMES } from '../../src/platform/cluster/resources.ts';
import { answeringRuntime } from './answering.ts';
import { imageOf } from './build/image.ts';
import { missingFor } from './cluster.ts';
import { isWrite, type KubernetesLab, startKubernetesLab } from './controllerLab.ts';
import { run } from './parts/run.ts';

const ROLLING = { rolling: {} };
/** As many as a quiet controller may make of a fault in some seconds. */
const FEW = 12;

const condition = (status: ModelDeploymentStatus, type: string) => status.conditions?.find((one) => one.type === type);
const isHealthy = (status: ModelDeploymentStatus) =>
  expect([status.phase, condition(status, 'Ready')?.status]).toEqual(['Healthy', 'True']);

const missing = missingFor({ nodes: 1 });
if (missing) console.warn(`Skipped: ${missing}`);

describe.skipIf(missing)('a node', () => {
  const image = 'clops.invalid/late:1';
  const folder = mkdtempSync(join(tmpdir(), 'clops-late-'));
  let lab: KubernetesLab;
  beforeAll(async () => {
    lab = await startKubernetesLab({ kwok: 0, nodes: 1 });
    await lab.start('first');
    await lab.cluster.create(SERVINGRUNTIMES, answeringRuntime('late', image));
  });
  afterAll(async () => {
    await lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('that cannot get an image says so in the words of its kubelet, costs few requests, and goes on when the image is there', async () => {
    await lab.deploy('late', 1, { replicas: 1, runtime: 'late', strategy: ROLLING });
    const status = await lab.until(
      'late',
      (now) => expect(condition(now, 'Progressing')?.reason).toMatch(/^(ErrImagePull|ImagePullBackOff)$/),
      60_000,
    );
    expect(condition(status, 'Progressing')?.message).toContain(image);
    expect(status.rollout?.message).toContain(image);
    const asked = await lab.askedWithin('first', 20_000);
    expect(asked.filter(({ verb }) => verb === 'list')).toEqual([]);
    expect(asked.filter(isWrite).length, JSON.stringify(asked)).toBeLessThan(FEW);
    await lab.kubernetes.importImage(await renamed());
    await lab.until('late', isHealthy, 150_000);
  }, 300_000);

  it('that goes silent is named, costs few requests, and all is well when it speaks again', async () => {
    const [kubelet, entered] = kubeletOf(lab.kubernetes.processes());
    process.kill(kubelet, 'SIGSTOP');
    try {
      const status = await lab.until(
        'late',
        (now) => expect(condition(now, 'Available')).toMatchObject({ status: 'False' }),
        120_000,
      );
      expect(condition(status, 'Available')?.message).toMatch(/NodeSilent: Node node-1 has gone silent[.]/);
      expect(condition(status, 'Ready')?.message).toContain('node-1');
      const asked = await lab.askedWithin('first', 5000);
      expect(asked.length, JSON.stringify(asked)).toBeLessThan(FEW);
    } finally {
      process.kill(kubelet, 'SIGCONT');
      process.kill(entered, 'SIGCONT'); // nsenter stops itself with what it has started
    }
    await lab.until('late', isHealthy, 90_000);
  }, 300_000);

  it('that is taken out of the cluster leaves no pod behind, and all is well when one is there again', async () => {
    const node = await lab.cluster.get<KubeObject & { spec: object }>(NODES, 'node-1');
    await lab.cluster.delete(NODES, 'node-1');
    // Its pods are collected 40 s later, by Kubernetes' own controller.
    const unavailable = { status: 'False', message: /no nodes available/ };
    await lab.until('late', (now) => expect(condition(now, 'Available')).toMatchObject(unavailable), 150_000);
    const asked = await lab.askedWithin('first', 5000);
    expect(asked.length, JSON.stringify(asked)).toBeLessThan(FEW);
    const { name, labels } = node.metadata;
    await lab.cluster.create(NODES, { ...node, metadata: { name, labels } } as KubeObject);
    await lab.until('late', isHealthy, 120_000);
  }, 400_000);

  /** The image of every test under the name that the runtime wants. */
  async function renamed(): Promise<string> {
    await run(['tar', '-xf', await imageOf('web'), '-C', folder]);
    const file = join(folder, 'manifest.json');
    const [manifest] = JSON.parse(readFileSync(file, 'utf8')) as [object];
    writeFileSync(file, JSON.stringify([{ ...manifest, RepoTags: [image] }]));
    const archive = join(folder, 'late.tar');
    await run(['tar', '-cf', archive, '-C', folder, 'manifest.json', 'config.json', 'layer.tar']);
    return archive;
  }
});

/** And the process that entered its node to start it: a node has process numbers of its own. */
function kubeletOf(entered: readonly number[]): [number, number] {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const [, comm, parent] = /^\d+ \((.*)\) \S (\d+)/.exec(readOrNothing(`/proc/${pid}/stat`)) ?? [];
    if (comm === 'kubelet' && entered.includes(Number(parent))) return [Number(pid), Number(parent)];
  }
  throw new Error('There is no kubelet.');
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}
