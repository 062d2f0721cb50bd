/**
 * What an operator types without thinking, in an order in which each line finds what it needs: README and docs, every
 * form of `get`, and the verbs that change something. Run on each cluster by the same kubectl.
 */
import { readFileSync } from 'node:fs';

export interface Line {
  /** As typed, without `kubectl`; split at spaces. */
  line: string;
  /** Arguments with spaces in them. */
  more?: string[];
  input?: string;
  /** Repeated until what it prints matches: for what a controller does a moment later. */
  until?: RegExp;
}

const DIGEST = `sha256:${'2c8f'.repeat(16)}`;
const vad = (version = 6, more = ''): string => `apiVersion: serving.clops.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: vad
  namespace: speech
spec:
  model:
    name: vad
    version: ${version}
    format: ONNX
    artifact: {uri: https://clops.example/artifacts/x, digest: "${DIGEST}"}
  runtime: onnx
  replicas: 2
  strategy: {canary: {steps: [{setWeight: 10}, {pause: {}}]}}
${more}`;

const web = (image: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: speech}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      containers:
        - {name: web, image: "${image}", ports: [{name: http, containerPort: 80}], resources: {requests: {cpu: 100m, memory: 64Mi}}}
`;
const service = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: speech}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
`;
const data = (value: string): string => `apiVersion: v1
kind: ConfigMap
metadata: {name: shared, namespace: speech}
data: {a: "${value}", b: two}
`;
const promote = `apiVersion: serving.clops.dev/v1alpha1
kind: RolloutCommand
metadata: {name: promote, namespace: speech}
spec: {deployment: vad, rollout: 1, verb: Promote, to: NextStep}
`;

const runtime = readFileSync('deploy/runtimes/onnx.yaml', 'utf8');
const json = (value: unknown): string[] => [JSON.stringify(value)];

export const SCRIPT: readonly Line[] = [
  { line: 'create namespace speech' },
  { line: 'create namespace speech' },
  { line: 'label namespace speech clops.dev/team=speech' },
  { line: 'label ns speech clops.dev/team=vision' },
  { line: 'label ns speech clops.dev/team=vision --overwrite' },
  { line: 'get ns speech -o jsonpath={.metadata.labels}' },
  { line: 'describe ns speech' },

  { line: 'apply --server-side -f deploy/crds' },
  { line: 'diff --server-side -f deploy/crds' },
  { line: 'api-resources --api-group=serving.clops.dev' },
  { line: 'api-resources --api-group=serving.clops.dev -o wide' },
  { line: 'api-resources --categories=clops -o name' },
  { line: 'explain md' },
  { line: 'explain md.spec.strategy' },
  { line: 'explain md.spec.strategy.canary.steps' },
  { line: 'explain md.status.conditions --recursive' },
  { line: 'explain rcmd.spec.verb' },
  { line: 'explain md.spec.nope' },
  { line: 'get crd modeldeployments.serving.clops.dev -o jsonpath={.status.conditions[*].type}' },
  { line: 'wait --for=condition=Established crd/modeldeployments.serving.clops.dev --timeout=10s' },

  { line: 'apply -f -', input: runtime },
  { line: 'apply -f -', input: runtime },
  { line: 'get srt' },
  { line: 'get servingruntimes -o wide' },
  { line: 'describe srt onnx' },

  { line: 'get md -n speech' },
  { line: 'get md nope -n speech' },
  { line: 'apply -f - --dry-run=server', input: vad() },
  { line: 'apply -f -', input: vad() },
  { line: 'apply -f -', input: vad() },
  { line: 'diff -f -', input: vad() },
  { line: 'diff -f -', input: vad(7) },
  { line: 'diff --server-side --force-conflicts -f -', input: vad(7) },
  { line: 'apply -f -', input: vad(7) },
  { line: 'create -f -', input: vad() },
  { line: 'apply -f -', input: vad().replace('replicas: 2', 'replcas: 2') },
  { line: 'apply -f -', input: vad().replace('replicas: 2', 'replicas: two') },
  {
    line: 'apply -f -',
    input: vad().replace('canary: {steps: [{setWeight: 10}, {pause: {}}]}', 'canary: {steps: [{setWeight: 10}, {}]}'),
  },
  { line: 'apply -f -', input: vad().replace('name: vad\n  namespace: speech', 'name: Vad\n  namespace: speech') },
  { line: 'apply -f -', input: vad().replace('namespace: speech', 'namespace: nowhere') },
  { line: 'get modeldeployments,pods -A' },
  { line: 'get md -n speech' },
  { line: 'get md -A -o wide' },
  { line: 'get md vad -n speech -o yaml' },
  { line: 'get md vad -n speech -o json' },
  { line: 'get md vad -n speech -o name' },
  { line: 'get md -n speech -o jsonpath={.items[*].metadata.name}' },
  { line: 'get md -n speech -o custom-columns=NAME:.metadata.name,RUNTIME:.spec.runtime,NOPE:.spec.nope' },
  { line: 'get md vad -n speech --show-labels' },
  { line: 'get md vad -n speech --show-managed-fields -o yaml' },
  { line: 'get md -n speech -l tier=gold' },
  { line: 'get md -n speech --field-selector=metadata.name=vad -o name' },
  { line: 'get md -n speech --field-selector=spec.runtime=onnx' },
  { line: 'get clops -n speech -o name' },
  { line: 'describe md vad -n speech' },
  { line: 'scale md vad -n speech --replicas=6' },
  { line: 'scale md vad -n speech --replicas=6 --current-replicas=2' },
  { line: 'scale modeldeployment nope -n speech --replicas=6' },
  { line: 'patch md vad -n speech --type=merge -p', more: json({ spec: { paused: true } }) },
  { line: 'patch md vad -n speech --type=merge -p', more: json({ spec: { paused: true } }) },
  { line: 'patch md vad -n speech --type=json -p', more: json([{ op: 'replace', path: '/spec/replicas', value: 3 }]) },
  { line: 'patch md vad -n speech --type=json -p', more: json([{ op: 'remove', path: '/spec/nope' }]) },
  { line: 'patch md vad -n speech -p', more: json({ spec: {} }) },
  { line: 'patch md vad -n speech --type=merge -p', more: json({ spec: { replicas: -1 } }) },
  { line: 'label md vad -n speech tier=gold' },
  { line: 'label md vad -n speech tier=tin' },
  { line: 'label md vad -n speech tier-' },
  { line: 'annotate md vad -n speech why=because' },
  { line: 'annotate md vad -n speech why-' },
  {
    line: 'patch md vad -n speech --subresource=status --type=merge -p',
    more: json({ status: { phase: 'Healthy', ready: '3/3', step: '2/2' } }),
  },
  { line: 'wait md/vad -n speech --for=jsonpath={.status.phase}=Healthy --timeout=10s' },
  { line: 'wait md/vad -n speech --for=jsonpath={.status.phase}=Paused --timeout=1s' },
  { line: 'get md -n speech' },
  { line: 'get md -n speech -w --request-timeout=2s' },
  { line: 'edit md vad -n speech' },
  { line: 'create -f -', input: promote },
  { line: 'get rcmd -n speech' },
  { line: 'patch rcmd promote -n speech --type=merge -p', more: json({ spec: { rollout: 2 } }) },
  { line: 'delete rcmd promote -n speech' },

  { line: 'apply --server-side -f -', input: data('1') },
  { line: 'apply --server-side -f -', input: data('1') },
  { line: 'apply --server-side --field-manager=other -f -', input: data('2') },
  { line: 'apply --server-side --field-manager=other --force-conflicts -f -', input: data('2') },
  { line: 'apply --server-side --dry-run=server -f -', input: data('3') },
  { line: 'get cm shared -n speech -o yaml' },
  { line: 'describe cm shared -n speech' },
  { line: 'create configmap typed -n speech --from-literal=a=1' },
  { line: 'create secret generic keys -n speech --from-literal=a=1' },
  { line: 'get secret keys -n speech' },
  { line: 'describe secret keys -n speech' },
  { line: 'get secret keys -n speech -o jsonpath={.data.a}' },
  { line: 'create serviceaccount robot -n speech' },
  { line: 'get sa -n speech' },

  { line: 'apply --server-side -f -', input: service },
  { line: 'apply --server-side -f -', input: web('web:1') },
  { line: 'get deploy -n speech -o wide', until: /0\/1\s+1\s+0/ },
  { line: 'get rs -n speech -o wide', until: /1\s+1\s+0/ },
  { line: 'get pods -n speech', until: /Pending/ },
  { line: 'get pods -n speech -o wide' },
  { line: 'get deploy web -n speech -o yaml' },
  { line: 'describe deploy web -n speech', until: /Scaled up/ },
  { line: 'describe rs -n speech', until: /Created pod/ },
  { line: 'describe pods -n speech', until: /FailedScheduling/ },
  { line: 'get svc -n speech' },
  { line: 'describe svc web -n speech' },
  { line: 'get endpointslices -n speech', until: /web-/ },
  { line: 'get events -n speech --field-selector=involvedObject.kind=Deployment' },
  { line: 'logs deploy/web -n speech' },
  { line: 'logs nope -n speech' },
  { line: 'rollout status deploy/web -n speech --timeout=1s' },
  { line: 'rollout history deploy/web -n speech' },
  { line: 'set image deploy/web -n speech web=web:2' },
  { line: 'rollout restart deploy/web -n speech' },
  { line: 'rollout pause deploy/web -n speech' },
  { line: 'rollout resume deploy/web -n speech' },
  { line: 'scale deploy web -n speech --replicas=0' },
  { line: 'get deploy -n speech', until: /0\/0\s+0\s+0/ },
  { line: 'rollout status deploy/web -n speech --timeout=10s' },
  { line: 'delete deploy web -n speech' },
  { line: 'delete deploy web -n speech' },
  { line: 'get all -n speech', until: /^(?!.*(pod|replicaset))/s },

  { line: 'get nope' },
  { line: 'get pods nope -n speech' },
  { line: 'get pods -n nowhere' },
  { line: 'get pods -n speech --field-selector=spec.foo=x' },
  { line: 'get pods -n speech -l a=b=c' },
  { line: 'get nodes' },
  { line: 'get leases -n speech' },
  { line: 'get gatewayclasses' },
  { line: 'delete md vad -n speech' },
  { line: 'delete md --all -n speech' },
  { line: 'delete srt onnx' },
  { line: 'delete ns speech --timeout=60s' },
  { line: 'get ns speech' },
];
