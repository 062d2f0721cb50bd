/** Printer columns of the built-in kinds, with the words `kubectl get` shows on a real cluster. */
import { isObject, listAt, objectAt, type Plain, readPath } from './json.ts';
import { podCells } from './podCells.ts';
import type { PrinterColumn } from './types.ts';

type Cell = (object: Plain) => string | number;

const text = (name: string, value: string | Cell, priority = 0): PrinterColumn => ({
  name,
  type: 'string',
  value,
  ...(priority > 0 && { priority }),
});
const count = (name: string, value: Cell): PrinterColumn => ({ name, type: 'integer', value });
/** Numbers that Kubernetes' own tables call text. */
const texted = (column: PrinterColumn): PrinterColumn => ({ ...column, declared: 'string' });
const since = (name: string, value: string): PrinterColumn => texted({ name, type: 'date', value });
const age = since('Age', '.metadata.creationTimestamp');

const at = (path: string, otherwise = '<none>'): Cell => {
  return (object) => {
    const value = readPath(object, path);
    return value === undefined || value === null || value === '' ? otherwise : String(value);
  };
};
const number =
  (path: string): Cell =>
  (object) =>
    Number(readPath(object, path) ?? 0);
const size =
  (key: string): Cell =>
  (object) =>
    Object.keys(objectAt(object, key)).length;

const pairs = (value: unknown): string =>
  isObject(value) && Object.keys(value).length > 0
    ? Object.entries(value)
        .map(([key, one]) => `${key}=${one}`)
        .join(',')
    : '<none>';

const templateContainers = (object: Plain): Plain[] =>
  listAt(readPath(object, 'spec.template.spec'), 'containers').filter(isObject);
const join = (parts: unknown[]): string => (parts.length > 0 ? parts.join(',') : '<none>');

const containerNames: Cell = (object) => join(templateContainers(object).map((one) => one.name));
const images: Cell = (object) => join(templateContainers(object).map((one) => one.image));
const selector: Cell = (object) => pairs(readPath(object, 'spec.selector.matchLabels'));

const nodeStatus: Cell = (node) => {
  const ready = listAt(node.status, 'conditions').find((one) => isObject(one) && one.type === 'Ready');
  const word = isObject(ready) ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return readPath(node, 'spec.unschedulable') === true ? `${word},SchedulingDisabled` : word;
};

const nodeRoles: Cell = (node) => {
  const prefix = 'node-role.kubernetes.io/';
  const labels = objectAt(node.metadata, 'labels');
  return join(
    Object.keys(labels)
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length)),
  );
};

const nodeAddress =
  (type: string): Cell =>
  (node) => {
    const found = listAt(node.status, 'addresses').find((one) => isObject(one) && one.type === type);
    return isObject(found) ? String(found.address) : '<none>';
  };

const servicePorts: Cell = (service) =>
  join(
    listAt(service.spec, 'ports')
      .filter(isObject)
      .map((port) => `${port.port}${port.nodePort ? `:${port.nodePort}` : ''}/${port.protocol ?? 'TCP'}`),
  );

const eventObject: Cell = (event) => {
  const involved = objectAt(event, 'involvedObject');
  return `${String(involved.kind ?? '').toLowerCase()}/${involved.name ?? ''}`;
};

const sliceEndpoints: Cell = (slice) =>
  listAt(slice, 'endpoints').length === 0
    ? '<unset>'
    : join(
        listAt(slice, 'endpoints')
          .flatMap((one) => listAt(one, 'addresses'))
          .slice(0, 3),
      );

const slicePorts: Cell = (slice) =>
  listAt(slice, 'ports').length === 0
    ? '<unset>'
    : join(listAt(slice, 'ports').map((one) => (isObject(one) ? one.port : '')));

const condition =
  (type: string): Cell =>
  (object) => {
    const found = listAt(object.status, 'conditions').find((one) => isObject(one) && one.type === type);
    return isObject(found) ? String(found.status) : 'Unknown';
  };

export const COLUMNS: Record<string, readonly PrinterColumn[]> = {
  namespaces: [text('Status', '.status.phase'), age],
  nodes: [
    text('Status', nodeStatus),
    text('Roles', nodeRoles),
    age,
    text('Version', '.status.nodeInfo.kubeletVersion'),
    text('Internal-IP', nodeAddress('InternalIP'), 1),
    text('External-IP', nodeAddress('ExternalIP'), 1),
    text('OS-Image', at('status.nodeInfo.osImage', '<unknown>'), 1),
    text('Kernel-Version', at('status.nodeInfo.kernelVersion', '<unknown>'), 1),
    text('Container-Runtime', at('status.nodeInfo.containerRuntimeVersion', '<unknown>'), 1),
  ],
  pods: [
    text('Ready', (pod) => `${podCells(pod).ready}/${podCells(pod).total}`),
    text('Status', (pod) => podCells(pod).status),
    text('Restarts', (pod) => podCells(pod).restarts),
    age,
    text('IP', at('status.podIP'), 1),
    text('Node', at('spec.nodeName'), 1),
    text('Nominated Node', at('status.nominatedNodeName'), 1),
    text('Readiness Gates', () => '<none>', 1),
  ],
  services: [
    text('Type', at('spec.type', 'ClusterIP')),
    text('Cluster-IP', at('spec.clusterIP')),
    text('External-IP', () => '<none>'),
    text('Port(s)', servicePorts),
    age,
    text('Selector', (object) => pairs(readPath(object, 'spec.selector')), 1),
  ],
  configmaps: [
    texted(count('Data', (object) => Number(size('data')(object)) + Number(size('binaryData')(object)))),
    age,
  ],
  secrets: [text('Type', at('type', 'Opaque')), texted(count('Data', size('data'))), age],
  serviceaccounts: [count('Secrets', (object) => listAt(object, 'secrets').length), age],
  events: [
    since('Last Seen', '.lastTimestamp'),
    text('Type', '.type'),
    text('Reason', '.reason'),
    text('Object', eventObject),
    text('Subobject', at('involvedObject.fieldPath', ''), 1),
    text('Source', (event) => String(readPath(event, 'source.component') || event.reportingComponent || ''), 1),
    text('Message', (event) => String(event.message ?? '').trim()),
    { ...since('First Seen', '.firstTimestamp'), priority: 1 },
    { ...texted(count('Count', (event) => Number(event.count ?? 1))), priority: 1 },
    text('Name', '.metadata.name', 1),
  ],
  endpointslices: [
    text('AddressType', '.addressType'),
    text('Ports', slicePorts),
    text('Endpoints', sliceEndpoints),
    age,
  ],
  leases: [text('Holder', at('spec.holderIdentity', '')), age],
  deployments: [
    text('Ready', (object) => `${number('status.readyReplicas')(object)}/${number('spec.replicas')(object)}`),
    texted(count('Up-to-date', number('status.updatedReplicas'))),
    texted(count('Available', number('status.availableReplicas'))),
    age,
    text('Containers', containerNames, 1),
    text('Images', images, 1),
    text('Selector', selector, 1),
  ],
  replicasets: [
    count('Desired', number('spec.replicas')),
    count('Current', number('status.replicas')),
    count('Ready', number('status.readyReplicas')),
    age,
    text('Containers', containerNames, 1),
    text('Images', images, 1),
    text('Selector', selector, 1),
  ],
  controllerrevisions: [
    text('Controller', (object) => {
      const owner = listAt(object.metadata, 'ownerReferences').find((one) => isObject(one) && one.controller === true);
      return isObject(owner)
        ? `${String(owner.kind).toLowerCase()}.${String(owner.apiVersion).split('/')[0]}/${owner.name}`
        : '<none>';
    }),
    count('Revision', (object) => Number(object.revision ?? 0)),
    age,
  ],
  customresourcedefinitions: [{ name: 'Created At', type: 'string', value: '.metadata.creationTimestamp' }],
  gatewayclasses: [
    text('Controller', '.spec.controllerName'),
    text('Accepted', condition('Accepted')),
    age,
    text('Description', at('spec.description', ''), 1),
  ],
  gateways: [
    text('Class', '.spec.gatewayClassName'),
    text('Address', (object) =>
      join(listAt(object.status, 'addresses').map((one) => (isObject(one) ? one.value : ''))).replace('<none>', ''),
    ),
    text('Programmed', condition('Programmed')),
    age,
  ],
  httproutes: [
    text('Hostnames', (object) =>
      listAt(object.spec, 'hostnames').length > 0 ? JSON.stringify(listAt(object.spec, 'hostnames')) : '',
    ),
    age,
  ],
};
