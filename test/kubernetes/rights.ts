/**
 * The rights that the chart gives, held against what the API server was asked: which of them nobody used, and which request
 * was refused for lack of one. Also gives the rights of one role to a user of a test.
 */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../support/eventually.ts';
import type { AuditEntry, Kubernetes } from './cluster.ts';

const NAMESPACE = 'clops-system';

interface Manifest {
  kind: string;
  metadata: { name: string };
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
}

export interface Right {
  /** `api`, `relay`, `controller`, `install` or `uninstall`. */
  role: string;
  verb: string;
  group: string;
  /** With its subresource: `pods/log`. */
  resource: string;
  names?: readonly string[];
}

/** Asked of the authorizer by the admission plugin OwnerReferencesPermissionEnforcement, so that no request shows it … */
const UNSEEN = [
  'controller update modeldeployments/finalizers.serving.clops.dev',
  'controller delete services',
  'controller delete httproutes.gateway.networking.k8s.io',
  // … and of a command that was published an hour ago, or is gone without an answer.
  'relay get rolloutcommands.serving.clops.dev',
];

const manifestsOf = (text: string): Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((one) => one !== null);

/** Every verb on every resource, one by one. */
export function rightsIn(rendered: string): Right[] {
  return manifestsOf(rendered)
    .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
    .flatMap(({ metadata, rules = [] }) => {
      const role = metadata.name.split('-').at(-1) ?? '';
      return rules.flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            verbs.map((verb) => ({ role, verb, group, resource, ...(resourceNames && { names: resourceNames }) })),
          ),
        ),
      );
    });
}

const wordsOf = ({ role, verb, group, resource, names }: Right): string =>
  `${role} ${verb} ${resource}${group && `.${group}`}${names ? ` ${names.join(',')}` : ''}`;

/** Those that no request has used, in words. */
export function unusedOf(rights: readonly Right[], audit: readonly AuditEntry[]): string[] {
  const used = audit.filter(({ annotations }) => annotations?.['authorization.k8s.io/decision'] === 'allow');
  return rights
    .filter((right) => !used.some((entry) => isUse(right, entry)))
    .map(wordsOf)
    .filter((words) => !UNSEEN.includes(words));
}

/** A server-side apply of what was not there is a patch that needs the right to create as well. */
function isUse(
  { role, verb, group, resource, names }: Right,
  { user, objectRef, responseStatus, ...entry }: AuditEntry,
) {
  const { apiGroup = '', name = '' } = objectRef ?? {};
  const verbs = entry.verb === 'patch' && responseStatus?.code === 201 ? ['patch', 'create'] : [entry.verb];
  return (
    roleOf(user.username) === role &&
    verbs.includes(verb) &&
    apiGroup === group &&
    [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/') === resource &&
    (names === undefined || names.includes(name))
  );
}

/**
 * Requests of ours that were refused, whatever for, and never granted. Rights stay as they are: what was granted once was
 * refused for something else, as by OwnerReferencesPermissionEnforcement until it has heard of our definitions (30 s), or
 * when an uninstall had taken the rights of a controller that was about to give its lease back.
 */
export function refusedOf(audit: readonly AuditEntry[]): string[] {
  const ours = audit.filter(({ user }) => roleOf(user.username));
  const words = ({ user, verb, requestURI }: AuditEntry): string => `${roleOf(user.username)} ${verb} ${requestURI}`;
  const granted = new Set(ours.filter(({ responseStatus }) => (responseStatus?.code ?? 500) < 300).map(words));
  const refused = new Set(ours.filter(({ responseStatus }) => responseStatus?.code === 403).map(words));
  return [...refused].filter((request) => !granted.has(request));
}

/** Of whatever release: its accounts end in the role. */
function roleOf(user: string): string | undefined {
  return new RegExp(`^system:serviceaccount:${NAMESPACE}:(?:\\w+-)?clops-(\\w+)$`).exec(user)?.[1];
}

const accountOf = (role: string): string => `system:serviceaccount:${NAMESPACE}:clops-${role}`;

/** A kubeconfig with the rights that a role has in deploy/base, and no others. */
export async function asRole(kubernetes: Kubernetes, role: string): Promise<string> {
  const kinds = ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];
  const rendered = readFileSync('deploy/base/platform.yaml', 'utf8');
  const theirs = manifestsOf(rendered).filter(
    ({ kind, metadata }) => kinds.includes(kind) && metadata.name.endsWith(`-${role}`),
  );
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  await kubernetes.kubectl(['apply', '--server-side', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [namespace, ...theirs] }),
  });
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`];
  const kubeconfig = await kubernetes.as(accountOf(role), groups);
  // The authorizer follows what was written by watches of its own.
  const known = ['', 'apiextensions.k8s.io'];
  const some = rightsIn(rendered).find((right) => right.role === role && known.includes(right.group) && !right.names);
  const can = ['auth', 'can-i', some?.verb ?? '', [some?.resource, some?.group].filter(Boolean).join('.'), '-A'];
  await eventually(() => kubernetes.kubectl(can, { kubeconfig }), { withinMs: 20_000, everyMs: 200 });
  return kubeconfig;
}
