/** What to try first, ready to be copied into another terminal. */
import { join, resolve } from 'node:path';
import type { Config } from '../config.ts';

export interface Try {
  what: string;
  command: string;
}

export interface TriedDemo {
  /** Where its model is asked. */
  inferUrl: string;
  /** What became of its canary, which a person may have promoted or aborted in an earlier start. */
  canary: 'running' | 'aborted' | 'ended' | 'returned' | 'none';
}

export interface Tried {
  /** Base URL of the API. */
  url: string;
  tokenFile: string;
  /** Absent where the cluster is not ours. */
  kubeconfig: string | undefined;
  /** Absent without the demo. */
  demo: TriedDemo | undefined;
  /** The folder that holds examples/. */
  root: string;
  config: Pick<Config, 'dataDir'>;
}

export function thingsToTry({ url, tokenFile, kubeconfig, demo, root, config }: Tried): Try[] {
  const tries = demo === undefined ? [askTheApi(url, tokenFile)] : askTheDemo(demo, root, config);
  if (kubeconfig !== undefined) {
    const what = demo === undefined ? 'nodes,md' : 'md,pods';
    const command = `KUBECONFIG=${quoted(kubeconfig)} kubectl get ${what} -A`;
    tries.push({ what: 'See the same cluster with kubectl:', command });
  }
  return tries;
}

function askTheApi(url: string, tokenFile: string): Try {
  const command = [
    `curl ${url}/graphql`,
    `-H "Authorization: Bearer $(cat ${quoted(tokenFile)})"`,
    `-H 'content-type: application/json' -d '{"query":"{ deployments { nodes { name phase } } }"}'`,
  ];
  return { what: 'Ask the API what is served:', command: command.join(' \\\n   ') };
}

function askTheDemo({ inferUrl, canary }: TriedDemo, root: string, config: Tried['config']): Try[] {
  const example = `@${join(root, 'examples', 'vad', 'request.json')}`;
  return [
    {
      what: 'Ask the model how likely a frame of audio is speech:',
      command: `curl ${inferUrl} \\\n   -d ${quoted(example)}`,
    },
    tryTheCanary(canary, `${settingsFor(config)}npx clops`),
  ];
}

/** What can be done now: to watch a canary that has ended shows a picture that never moves. */
function tryTheCanary(canary: TriedDemo['canary'], clops: string): Try {
  switch (canary) {
    case 'running':
      return { what: 'Watch its canary:', command: `${clops} rollouts watch vad` };
    case 'aborted':
      return { what: 'Its canary was aborted. Start it again:', command: `${clops} retry vad` };
    case 'ended':
      return { what: 'Its canary has ended. Go back to what was stable before:', command: `${clops} rollback vad` };
    case 'returned':
      return {
        what: 'It went back to its first version. Start the second one again:',
        command: `${clops} deploy vad@2`,
      };
    case 'none':
      return { what: 'Start its second version as a canary:', command: `${clops} deploy vad@2` };
  }
}

/** The command line finds an instance by its folder, and is told that where it is not the default. */
const settingsFor = ({ dataDir }: Tried['config']): string =>
  dataDir === resolve('.clops') ? '' : `CLOPS_DATA_DIR=${quoted(dataDir)} `;

/** For a POSIX shell. */
const quoted = (text: string): string => (/^[\w@./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
