/** A ServingRuntime whose image is no model server: it answers every request, and is ready when it does. */
import type { KubeObject } from '../../src/platform/cluster/port.ts';

export const answeringRuntime = (name: string, image: string, env: readonly object[] = []): KubeObject => ({
  apiVersion: 'serving.clops.dev/v1alpha1',
  kind: 'ServingRuntime',
  metadata: { name },
  spec: {
    formats: ['ONNX'],
    protocols: ['OpenInferenceV2'],
    capabilities: ['OpenInferenceV2', 'ModelMetadata'],
    container: {
      name: 'server',
      image,
      ...(env.length > 0 && { env }),
      ports: [{ name: 'http', containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
      terminationGracePeriodSeconds: 1,
    },
    fetch: { image },
  },
});
