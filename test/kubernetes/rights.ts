/** Gives a user of a test the rights that the chart gives to a role, and says which requests were refused for lack of one. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../support/eventually.ts';
import type { AuditEntry, Kubernetes } from './cluster.ts';

const NAMESPACE = 'clops-system';

interface Manifest {
  kind: string;
  metadata: { name: string };
}

const manifestsOf = (text: string): Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((one) => one !== null);

/** Requests of ours that were refused, whatever for. */
export const refusedOf = (audit: readonly AuditEntry[]): string[] => [
  ...new Set(
    audit
      .filter(({ user, responseStatus }) => roleOf(user.username) && responseStatus?.code === 403)
      .map(({ user, verb, requestURI }) => `${roleOf(user.username)} ${verb} ${requestURI}`),
  ),
];

/** Of whatever release: its accounts end in the role. */
function roleOf(user: string): string | undefined {
  return new RegExp(`^system:serviceaccount:${NAMESPACE}:(?:\\w+-)?clops-(\\w+)$`).exec(user)?.[1];
}

const accountOf = (role: string): string => `system:serviceaccount:${NAMESPACE}:clops-${role}`;

/** A kubeconfig with the rights that a role has in deploy/base, and no others. */
export async function asRole(kubernetes: Kubernetes, role: string): Promise<string> {
  const kinds = ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];
  const theirs = manifestsOf(readFileSync('deploy/base/platform.yaml', 'utf8')).filter(
    ({ kind, metadata }) => kinds.includes(kind) && metadata.name.endsWith(`-${role}`),
  );
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  await kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [namespace, ...theirs] }),
  });
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`];
  const kubeconfig = await kubernetes.as(accountOf(role), groups);
  // The authorizer follows what was written by watches of its own.
  const can = ['auth', 'can-i', 'watch', 'pods', '-A'];
  await eventually(() => kubernetes.kubectl(can, { kubeconfig }), { withinMs: 20_000, everyMs: 200 });
  return kubeconfig;
}
