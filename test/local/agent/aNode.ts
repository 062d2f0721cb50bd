import type { NodeDeclaration } from '../../../src/local/declaration.ts';

export const NODE = 'gpu-1';

export const aNode = (override: Partial<NodeDeclaration> = {}): NodeDeclaration => ({
  name: NODE,
  cpu: '8',
  memory: '16Gi',
  gpus: { product: 'NVIDIA-L4', memoryMib: 23_034, count: 2 },
  labels: {},
  taints: [],
  ...override,
});
