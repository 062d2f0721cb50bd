/** `{{model.name}}` and its like in a runtime's strings. What is not known was refused by the CRD and stays as it is. */
import type { ModelDeployment } from '../../contract/modeldeployment.ts';
import type { Snapshot } from '../kinds.ts';

export type Values = Readonly<Record<string, string>>;

export function valuesOf(owner: ModelDeployment, { model, runtime }: Snapshot, artifactPath: string): Values {
  const ports = runtime.container.ports.map(({ name, containerPort }) => [`port.${name}`, String(containerPort)]);
  return {
    'model.name': model.name,
    'model.version': String(model.version),
    'model.format': model.format,
    'artifact.path': artifactPath,
    'artifact.digest': model.artifact.digest,
    'deployment.name': owner.metadata.name,
    'deployment.namespace': owner.metadata.namespace ?? '',
    ...Object.fromEntries(ports),
  };
}

export function fill(value: unknown, values: Values): unknown {
  if (typeof value === 'string')
    return value.replace(/\{\{([a-z0-9.-]+)\}\}/g, (whole, name: string) => values[name] ?? whole);
  if (Array.isArray(value)) return value.map((item) => fill(item, values));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fill(member, values)]));
}
