/** The rows of the Kubernetes API that the platform uses. */
import type { Resource } from './port.ts';

const row = (group: string, version: string, plural: string, kind: string, namespaced = true): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced,
});

export const NAMESPACES = row('', 'v1', 'namespaces', 'Namespace', false);
export const NODES = row('', 'v1', 'nodes', 'Node', false);
export const PODS = row('', 'v1', 'pods', 'Pod');
export const SERVICES = row('', 'v1', 'services', 'Service');
export const CONFIGMAPS = row('', 'v1', 'configmaps', 'ConfigMap');
export const SECRETS = row('', 'v1', 'secrets', 'Secret');
export const SERVICEACCOUNTS = row('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const EVENTS = row('', 'v1', 'events', 'Event');
export const DEPLOYMENTS = row('apps', 'v1', 'deployments', 'Deployment');
export const REPLICASETS = row('apps', 'v1', 'replicasets', 'ReplicaSet');
export const CONTROLLERREVISIONS = row('apps', 'v1', 'controllerrevisions', 'ControllerRevision');
export const ENDPOINTSLICES = row('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
export const LEASES = row('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const CRDS = row('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false);
export const CERTIFICATESIGNINGREQUESTS = row(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
);
export const SUBJECTACCESSREVIEWS = row(
  'authorization.k8s.io',
  'v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
  false,
);
export const GATEWAYCLASSES = row('gateway.networking.k8s.io', 'v1', 'gatewayclasses', 'GatewayClass', false);
export const GATEWAYS = row('gateway.networking.k8s.io', 'v1', 'gateways', 'Gateway');
export const HTTPROUTES = row('gateway.networking.k8s.io', 'v1', 'httproutes', 'HTTPRoute');
export const MODELDEPLOYMENTS = row('serving.clops.dev', 'v1alpha1', 'modeldeployments', 'ModelDeployment');
export const ROLLOUTCOMMANDS = row('serving.clops.dev', 'v1alpha1', 'rolloutcommands', 'RolloutCommand');
export const SERVINGRUNTIMES = row('serving.clops.dev', 'v1alpha1', 'servingruntimes', 'ServingRuntime', false);
