/** A kubeconfig file with everything in it, so that it works from any folder and may be copied to another machine. */
import { stringify } from 'yaml';
import { type Pair, writeWhole } from './pki.ts';

const CONTEXT = 'clops';

export interface KubeconfigOptions {
  path: string;
  /** `https://127.0.0.1:6443` */
  url: string;
  /** PEM. */
  ca: string;
  user: string;
  client: Pair;
}

/** Written whole or not at all, readable by its owner only. */
export async function writeKubeconfig({ path, url, ca, user, client }: KubeconfigOptions): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: CONTEXT, cluster: { server: url, 'certificate-authority-data': base64(ca) } }],
    users: [
      { name: user, user: { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) } },
    ],
    contexts: [{ name: CONTEXT, context: { cluster: CONTEXT, user } }],
    'current-context': CONTEXT,
  };
  await writeWhole(path, stringify(config, { lineWidth: 0 }));
}
