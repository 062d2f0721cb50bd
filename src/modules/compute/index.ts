export { devicesOfPod, podsOnGpu, podsOnNode } from './devices.ts';
export { ClusterResolver, GpuNodeResolver, GpuResolver } from './graphql/resolvers.ts';
export { Cluster, Gpu, GpuNode } from './graphql/types.ts';
export {
  type ClusterValue,
  clusterValue,
  computeNodes,
  type GpuValue,
  gpusOf,
  type NodeValue,
  nodeByName,
} from './nodes.ts';
