/** What hands other than the controller's do to the children of a deployment, on whichever cluster, and whether it is mended. */
import { expect } from 'vitest';
import { LABELS } from '../../src/contract/names.ts';
import type { ClusterPort, KubeObject, Resource } from '../../src/platform/cluster/port.ts';
import { CONTROLLERREVISIONS, DEPLOYMENTS, HTTPROUTES, SERVICES } from '../../src/platform/cluster/resources.ts';

const NAMESPACE = 'speech';
const STRANGE = 'example.invalid/other:1';

interface Child extends KubeObject {
  spec: { replicas?: number; selector?: object; rules?: { backendRefs: { weight?: number }[] }[] };
}

async function childrenOf(cluster: ClusterPort, name: string, resource: Resource): Promise<Child[]> {
  const of = { labelSelector: `${LABELS.deployment}=${name}`, namespace: NAMESPACE };
  return (await cluster.list<Child>(resource, of)).items;
}

/**
 * Labels of another revision and of none, another size, another image, a Service that selects nobody; the other Service and
 * the route are gone. Answers with the uid of the Deployment: made anew it would have been an outage.
 */
export async function spoilChildren(cluster: ClusterPort, name: string): Promise<string | undefined> {
  const [deployment] = await childrenOf(cluster, name, DEPLOYMENTS);
  const child = deployment?.metadata.name ?? '';
  const labelled = (value: string | null) => ({ metadata: { labels: { [LABELS.revision]: value } } });
  await cluster.patch(CONTROLLERREVISIONS, child, NAMESPACE, 'merge', labelled('other'));
  await cluster.patch(DEPLOYMENTS, child, NAMESPACE, 'merge', labelled(null));
  const image = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: STRANGE }];
  await cluster.patch(DEPLOYMENTS, child, NAMESPACE, 'merge', { spec: { replicas: 5 } });
  await cluster.patch(DEPLOYMENTS, child, NAMESPACE, 'json', image);
  // A key more: those of the revision are there still, and no pod has them all.
  const nobody = { spec: { selector: { app: 'nobody' } } };
  await cluster.patch(SERVICES, `${name}-stable`, NAMESPACE, 'merge', nobody);
  await cluster.delete(SERVICES, `${name}-canary`, NAMESPACE);
  await cluster.delete(HTTPROUTES, name, NAMESPACE);
  return deployment?.metadata.uid;
}

/** @throws while something of it is not as it was, or when the Deployment is another one */
export async function expectMended(
  cluster: ClusterPort,
  name: string,
  { uid, replicas }: { uid: string | undefined; replicas: number },
): Promise<void> {
  const deployments = await childrenOf(cluster, name, DEPLOYMENTS);
  expect(deployments.map(({ metadata, spec }) => ({ uid: metadata.uid, replicas: spec.replicas }))).toEqual([
    { uid, replicas },
  ]);
  for (const { metadata } of [...deployments, ...(await childrenOf(cluster, name, CONTROLLERREVISIONS))])
    expect(`${name}-${metadata.labels?.[LABELS.revision]}`).toBe(metadata.name);
  expect(JSON.stringify(deployments)).not.toContain(STRANGE);
  const services = await childrenOf(cluster, name, SERVICES);
  expect(services).toHaveLength(2);
  expect(JSON.stringify(services.map(({ spec }) => spec.selector))).not.toContain('nobody');
  const [route] = await childrenOf(cluster, name, HTTPROUTES);
  expect(route?.spec.rules?.[0]?.backendRefs.map(({ weight }) => weight)).toEqual([100, 0]);
}
