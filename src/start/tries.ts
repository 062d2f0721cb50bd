/** What to try first, ready to be copied into another terminal. */
export interface Try {
  what: string;
  command: string;
}

export function thingsToTry(url: string, tokenFile: string, kubeconfig: string | undefined): Try[] {
  const ask = [
    `curl ${url}/graphql`,
    `-H "Authorization: Bearer $(cat ${quoted(tokenFile)})"`,
    `-H 'content-type: application/json' -d '{"query":"{ deployments { nodes { name phase } } }"}'`,
  ];
  const tries = [{ what: 'Ask the API what is served:', command: ask.join(' \\\n   ') }];
  if (kubeconfig !== undefined) {
    const command = `KUBECONFIG=${quoted(kubeconfig)} kubectl get nodes,modeldeployments -A`;
    tries.push({ what: 'See the same cluster with kubectl:', command });
  }
  return tries;
}

/** For a POSIX shell. */
const quoted = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
