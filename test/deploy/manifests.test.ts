/** What is shipped for Kubernetes, read as files: the rendered manifests, the runtimes, the Dockerfile. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { ServingRuntime } from '../../src/contract/servingruntime.ts';
import { desiredDeployment } from '../../src/controller/desired/deployment.ts';
import { snapshotOf } from '../../src/controller/desired/revision.ts';
import { aModelDeployment } from '../controller/lab.ts';

interface PodSpec {
  serviceAccountName?: string;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  automountServiceAccountToken?: boolean;
  securityContext?: { runAsNonRoot?: boolean; runAsUser?: number; seccompProfile?: { type: string } };
  initContainers?: Container[];
  containers: Container[];
  volumes?: Record<string, unknown>[];
}

interface Container {
  name: string;
  securityContext?: {
    allowPrivilegeEscalation?: boolean;
    privileged?: boolean;
    readOnlyRootFilesystem?: boolean;
    capabilities?: { drop?: string[]; add?: string[] };
  };
  ports?: { hostPort?: number }[];
}

interface Manifest {
  kind: string;
  metadata: { name: string };
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
  spec?: { template?: { spec: PodSpec } };
}

const manifests = parseAllDocuments(readFileSync('deploy/base/platform.yaml', 'utf8'))
  .map((document) => document.toJS() as Manifest | null)
  .filter((one) => one !== null);

function podOfModel(): PodSpec {
  const md = aModelDeployment(1);
  const runtime = parse(readFileSync('deploy/runtimes/onnx.yaml', 'utf8')) as ServingRuntime;
  const owner = { ...md, metadata: { ...md.metadata, uid: 'u-1' } };
  const { spec } = desiredDeployment({ owner, hash: 'abc', snapshot: snapshotOf(md.spec, runtime), replicas: 1 });
  return (spec as { template: { spec: PodSpec } }).template.spec;
}

const pods: [string, PodSpec][] = [
  ...manifests.flatMap(({ kind, metadata, spec }): [string, PodSpec][] =>
    spec?.template ? [[`${kind} ${metadata.name}`, spec.template.spec]] : [],
  ),
  ['the pod of a model', podOfModel()],
];

describe('deploy/base', () => {
  it('is rendered from the chart as it is now', () => {
    execFileSync('node', ['scripts/manifests.ts', '--check'], { stdio: 'pipe' });
  });

  it('has the roles, and the job that installs', () => {
    expect(pods.map(([name]) => name)).toEqual([
      'Deployment clops-api',
      'Deployment clops-controller',
      'Deployment clops-relay',
      'Job clops-install',
      'the pod of a model',
    ]);
  });
});

describe.each(pods)('%s keeps to Pod Security’s profile restricted', (_name, pod) => {
  const containers = [...(pod.initContainers ?? []), ...pod.containers];

  it('shares nothing with its node', () => {
    expect([pod.hostNetwork, pod.hostPID, pod.hostIPC].every((one) => one !== true)).toBe(true);
    for (const { ports = [] } of containers) expect(ports.every(({ hostPort }) => hostPort === undefined)).toBe(true);
    const allowed = [
      'configMap',
      'downwardAPI',
      'emptyDir',
      'ephemeral',
      'persistentVolumeClaim',
      'projected',
      'secret',
    ];
    for (const { name: _, ...source } of pod.volumes ?? []) expect(allowed).toContain(Object.keys(source)[0]);
  });

  it('runs as nobody in particular, with a read-only root and no capability', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.securityContext?.runAsUser).toBeGreaterThan(0);
    for (const { securityContext } of containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });
});

describe('rights', () => {
  const rules = manifests.flatMap(({ kind, metadata, rules = [] }) =>
    rules.map((rule) => ({ ...rule, of: `${kind} ${metadata.name}` })),
  );

  it('name every group, resource and verb', () => {
    expect(rules.length).toBeGreaterThan(15);
    for (const { apiGroups, resources, verbs } of rules)
      expect([...apiGroups, ...resources, ...verbs]).not.toContain('*');
  });

  it('read no Secret, enter no pod, and raise nobody', () => {
    const verbsOn = (resource: string): string[] =>
      rules.filter(({ resources }) => resources.includes(resource)).flatMap(({ verbs }) => verbs);
    expect(new Set(verbsOn('secrets'))).toEqual(new Set(['create', 'patch', 'delete']));
    expect([...verbsOn('pods/exec'), ...verbsOn('pods/attach'), ...verbsOn('pods/portforward')]).toEqual([]);
    for (const { verbs } of rules)
      for (const verb of ['escalate', 'bind', 'impersonate']) expect(verbs).not.toContain(verb);
  });

  it('to Secrets and namespaces of others are taken from the relay by a policy that names its account', () => {
    const of = (kind: string): Manifest[] => manifests.filter((one) => one.kind === kind);
    const [policy] = of('ValidatingAdmissionPolicy');
    const relay = of('Deployment').find(({ metadata }) => metadata.name === 'clops-relay');
    const account = relay?.spec?.template?.spec.serviceAccountName;
    expect(JSON.stringify(policy)).toContain(`'system:serviceaccount:clops-system:${account}'`);
    expect(of('ValidatingAdmissionPolicyBinding').map(({ spec }) => spec)).toEqual([
      { policyName: policy?.metadata.name, validationActions: ['Deny'] },
    ]);
  });

  it('a pod of a model has no token', () => {
    expect(podOfModel().automountServiceAccountToken).toBe(false);
  });
});

describe('the image', () => {
  const dockerfile = readFileSync('deploy/Dockerfile', 'utf8').replaceAll(/^#.*\n/gm, '');
  const [, last = ''] = dockerfile.split('FROM gcr.io/');

  it('has the folder that scripts/image.ts fills, and nothing else', () => {
    expect(dockerfile).toContain('node_modules/.bin/node scripts/image.ts /image');
    expect(last.match(/^(COPY|ADD|RUN) .*$/gm)).toEqual(['COPY --from=build /image /opt/app']);
  });

  it('is begun as the runtimes begin it, as the user that the manifests name', () => {
    const runtime = parse(readFileSync('deploy/runtimes/onnx.yaml', 'utf8')) as ServingRuntime;
    const entry: unknown = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(last)?.[1] ?? '[]');
    expect(runtime.spec.container.command?.slice(0, 2)).toEqual(entry);
    expect(runtime.spec.fetch.command?.slice(0, 2)).toEqual(entry);
    expect(/^USER (\d+)/m.exec(last)?.[1]).toBe(String(runtime.spec.podSecurityContext?.runAsUser));
  });
});
