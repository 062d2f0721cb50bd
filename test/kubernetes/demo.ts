/**
 * CLOps as a company runs it, to look at: a real cluster of this machine, the chart, the project's image in real containers,
 * and a canary of a real model behind Traefik. Stays until Ctrl-C, and then nothing is left; of one that was killed the leash
 * ends Postgres, and the next start of any cluster, or `kubernetes:down -- --all`, removes the rest.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import leash from '../support/run.ts';
import { build } from './build/build.ts';
import { type Kubernetes, startKubernetes } from './cluster.ts';
import { NAMESPACE, type Surroundings, surround } from './installation.ts';
import { isOnPath, missingOnMachine, setsOf } from './parts/missing.ts';

const OPTIONS = { nodes: 1, traefik: true, dns: true };
const MODELS = 'node_modules/@ricky0123/vad-web/dist';

export async function demo(say: (line: string) => void): Promise<void> {
  const missing =
    missingOnMachine(OPTIONS) ??
    (isOnPath('mmdebstrap') ? undefined : 'The image needs mmdebstrap: `apt-get install mmdebstrap`.');
  if (missing) throw new Error(missing);
  await build([...setsOf(OPTIONS), 'chart'], say);

  // From here on there is something to take away; a build ends by itself.
  const ended = new AbortController();
  // A test that started it and was killed is told by the end of the channel to it.
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const)
    process.once(event, () => {
      say('ending …');
      ended.abort();
    });
  process.channel?.unref(); // or it would keep us when all is over
  const nothingLeft = leash();
  const startedAt = performance.now();
  /** Says what is being done, and how long it took; Ctrl-C is heard behind each. */
  async function step<T>(what: string, does: () => Promise<T>): Promise<T> {
    say(`${what} …`);
    const from = performance.now();
    const result = await does();
    say(`✓ ${what} (${((performance.now() - from) / 1000).toFixed(1)} s)`);
    ended.signal.throwIfAborted();
    return result;
  }
  let kubernetes: Kubernetes | undefined;
  let around: Surroundings | undefined;
  try {
    // Kept before the step ends: a Ctrl-C during it is heard only then, and what it started would be left.
    const cluster = await step('a cluster: control plane, a node with containerd, Traefik', async () => {
      kubernetes = await startKubernetes({ ...OPTIONS, name: `demo-${randomBytes(3).toString('hex')}` });
      return kubernetes;
    });
    const here = await step('the image with its packages, and a Postgres', async () => {
      around = await surround(cluster, ['speech']);
      return around;
    });
    const values = join(here.volume, '..', 'values.json');
    writeFileSync(values, JSON.stringify(here.values));
    const install = ['install', 'clops', 'deploy/chart', '-n', NAMESPACE, '-f', values, '--wait', '--timeout=240s'];
    await step('helm install', () => here.helm(...install));
    const data = await cluster.kubectl(['-n', NAMESPACE, 'get', 'secret', 'clops', '-o', 'jsonpath={.data.token}']);
    const token = Buffer.from(data, 'base64').toString();
    const clops = (...args: string[]): Promise<string> => here.clops(args, token);
    await step('a model in two pods', async () => {
      await clops('teams', 'create', 'speech');
      for (const version of ['v5', 'v6'])
        await clops('models', 'push', `${MODELS}/silero_vad_${version}.onnx`, '--team', 'speech', '--name', 'vad');
      await clops('deploy', 'vad@1', '--team', 'speech', '--name', 'vad', '--replicas', '2', '--wait');
    });
    await step('a canary of its next version', () =>
      clops('deploy', 'vad@2', '--team', 'speech', '--name', 'vad', '--canary', '10,pause,50,pause'),
    );
    say(`\nIt runs (${((performance.now() - startedAt) / 1000).toFixed(0)} s). Ctrl-C ends it and leaves nothing.\n`);
    console.log(`# In another terminal, in this folder:
export CLOPS_URL=${here.url} CLOPS_TOKEN=${token}
export KUBECONFIG=${cluster.kubeconfig}

# GraphQL, signed in: ${here.url}/graphql#token=${token}
curl ${cluster.gateway}/speech/vad/v2/models/vad/infer -d @examples/vad/request.json
npx clops rollouts watch vad
npx clops promote vad                          # 10 %, then 50; once more: all of it
npx clops rollback vad
kubectl -n speech get modeldeployments,pods    # or: npm run kubernetes:shell -- --name=${cluster.name} kubectl …`);
    const alive = setInterval(() => {}, 60_000);
    if (!ended.signal.aborted) await once(ended.signal, 'abort');
    clearInterval(alive);
  } catch (error) {
    // A program that Ctrl-C ended is heard of before the signal itself where nothing was awaited.
    await setImmediate();
    if (!ended.signal.aborted) throw error;
  } finally {
    await kubernetes?.stop();
    await around?.close();
    await nothingLeft?.();
    say('✓ nothing is left');
  }
}
