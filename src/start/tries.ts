/** What to try first, ready to be copied into another terminal. */
import { join, resolve } from 'node:path';
import type { Config } from '../config.ts';

export interface Try {
  what: string;
  command: string;
}

export interface Tried {
  /** Base URL of the API. */
  url: string;
  tokenFile: string;
  /** Absent where the cluster is not ours. */
  kubeconfig: string | undefined;
  /** Where the demo's model is asked; absent without the demo. */
  inferUrl: string | undefined;
  /** The folder that holds examples/. */
  root: string;
  config: Pick<Config, 'dataDir' | 'httpPort'>;
}

export function thingsToTry({ url, tokenFile, kubeconfig, inferUrl, root, config }: Tried): Try[] {
  const tries = inferUrl === undefined ? [askTheApi(url, tokenFile)] : askTheDemo(inferUrl, root, config);
  if (kubeconfig !== undefined) {
    const what = inferUrl === undefined ? 'nodes,md' : 'md,pods';
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

function askTheDemo(inferUrl: string, root: string, config: Tried['config']): Try[] {
  const example = `@${join(root, 'examples', 'vad', 'request.json')}`;
  return [
    {
      what: 'Ask the model how likely a frame of audio is speech:',
      command: `curl ${inferUrl} \\\n   -d ${quoted(example)}`,
    },
    { what: 'Watch its canary:', command: `${settingsFor(config)}npx clops rollouts watch vad` },
  ];
}

/** The command line reads the same settings as the platform; it is told where they are not the defaults. */
function settingsFor({ dataDir, httpPort }: Tried['config']): string {
  const folder = dataDir === resolve('.clops') ? '' : `CLOPS_DATA_DIR=${quoted(dataDir)} `;
  return httpPort === 4000 ? folder : `CLOPS_HTTP_PORT=${httpPort} ${folder}`;
}

/** For a POSIX shell. */
const quoted = (text: string): string => (/^[\w@./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
