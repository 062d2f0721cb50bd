import { ArgsType, Field, Float, InputType, Int, ObjectType } from 'type-graphql';
import { Condition } from '../../../graphql/condition.ts';
import { connectionOf } from '../../../graphql/connection.ts';
import { StringFilter, TagFilter } from '../../../graphql/filters.ts';
import { Node } from '../../../graphql/node.ts';
import { JSONObject, SafeInt } from '../../../graphql/scalars.ts';
import { ListArgs } from '../../identity/index.ts';

@ObjectType('Cluster', {
  implements: Node,
  simpleResolvers: true,
  description: 'The Kubernetes that everything runs on.',
})
export class Cluster extends Node {
  @Field(() => String, { description: 'Its name, as this platform was set up. Since: 0.1' })
  name!: string;
  @Field(() => Boolean, { description: 'It was heard lately; else what is shown of it may be old. Since: 0.1' })
  reachable!: boolean;
  @Field(() => Float, {
    nullable: true,
    description:
      'Seconds since it was last heard; up to about 60 when nothing changes. Null when it never was. Since: 0.1',
  })
  lag!: number | null;
  @Field(() => String, {
    nullable: true,
    description: 'Class of the Gateway that routes the traffic; null while there is none. Since: 0.1',
  })
  gateway!: string | null;
  @Field(() => [String], {
    description:
      'What it can do: `GATEWAY` routes traffic, `COUNTED_TRAFFIC` counts it by target, `GPU` has GPUs, `SIMULATED_NODES` has nodes that only pretend. Empty until it was read. Since: 0.1',
  })
  capabilities!: string[];
}

@ObjectType({ simpleResolvers: true, description: 'Keeps pods off a node that do not tolerate it.' })
class Taint {
  @Field(() => String, { description: 'Its name: `nvidia.com/gpu`. Since: 0.1' })
  key!: string;
  @Field(() => String, { nullable: true, description: 'What it says. Since: 0.1' })
  value!: string | null;
  @Field(() => String, { description: '`NoSchedule`, `PreferNoSchedule` or `NoExecute`. Since: 0.1' })
  effect!: string;
}

@ObjectType({ simpleResolvers: true, description: 'Amounts of what pods ask for.' })
export class NodeResources {
  @Field(() => Float, { description: 'Cores. Since: 0.1' })
  cpu!: number;
  @Field(() => SafeInt, { description: 'Bytes of memory. Since: 0.1' })
  memoryBytes!: number;
  @Field(() => Int, { description: 'Pods. Since: 0.1' })
  pods!: number;
  @Field(() => Float, { description: 'GPUs, as `nvidia.com/gpu` counts them. Since: 0.1' })
  gpus!: number;
  @Field(() => JSONObject, {
    description: 'Pieces of every counted device, by resource name, GPUs among them. Since: 0.1',
  })
  extended!: Record<string, number>;
}

@ObjectType('GpuNode', {
  implements: Node,
  simpleResolvers: true,
  description: 'A Kubernetes node, with its accelerators if it has any.',
})
export class GpuNode extends Node {
  @Field(() => String, { description: 'Its name in the cluster. Since: 0.1' })
  name!: string;
  @Field(() => Boolean, { description: 'Its agent answers and says that it can run pods. Since: 0.1' })
  ready!: boolean;
  @Field(() => Boolean, { description: 'New pods may be put on it: it is not cordoned. Since: 0.1' })
  schedulable!: boolean;
  @Field(() => JSONObject, { description: 'Its labels. Since: 0.1' })
  labels!: Record<string, string>;
  @Field(() => [Taint], { description: 'Which pods it keeps off. Since: 0.1' })
  taints!: Taint[];
  @Field(() => NodeResources, { description: 'What it has. Since: 0.1' })
  capacity!: NodeResources;
  @Field(() => NodeResources, { description: 'What of it pods may ask for. Since: 0.1' })
  allocatable!: NodeResources;
  @Field(() => String, {
    nullable: true,
    description: 'Product of its GPUs, as GPU feature discovery labels it: `NVIDIA-A100-SXM4-80GB`. Since: 0.1',
  })
  product!: string | null;
  @Field(() => Int, { nullable: true, description: 'MiB of memory of each GPU, as labelled. Since: 0.1' })
  memoryMib!: number | null;
  @Field(() => [Condition], { description: 'What it says about itself: `Ready`, `DiskPressure`. Since: 0.1' })
  conditions!: Condition[];
}

@ObjectType('Gpu', { implements: Node, simpleResolvers: true, description: 'One device of a node.' })
export class Gpu extends Node {
  @Field(() => Int, { description: 'Its number on the node, from 0. Since: 0.1' })
  index!: number;
  @Field(() => String, {
    nullable: true,
    description: 'The maker’s id of the device; null: the Kubernetes API does not say it. Since: 0.1',
  })
  uuid!: string | null;
  @Field(() => String, { nullable: true, description: 'Product, as the node is labelled. Since: 0.1' })
  product!: string | null;
  @Field(() => Int, { nullable: true, description: 'MiB of memory, as the node is labelled. Since: 0.1' })
  memoryMib!: number | null;
  @Field(() => Boolean, {
    nullable: true,
    description:
      'Fit for use. Null when the node does not answer, or has unhealthy devices and does not say which. Since: 0.1',
  })
  healthy!: boolean | null;
}

export const GpuNodeConnection = connectionOf('GpuNode', () => GpuNode);

@InputType({ description: 'Narrows a list of nodes. All given fields must hold.' })
export class GpuNodeWhere {
  @Field(() => StringFilter, { nullable: true, description: 'Product of its GPUs.' })
  product?: StringFilter | null;
  @Field(() => Boolean, { nullable: true, description: 'Ready, or not.' })
  ready?: boolean | null;
  @Field(() => Boolean, { nullable: true, description: 'Has a GPU that no pod has asked for, or has none.' })
  hasFreeGpu?: boolean | null;
  @Field(() => TagFilter, { nullable: true, description: 'Has this label.' })
  label?: TagFilter | null;
}

@ArgsType()
export class GpuNodesArgs extends ListArgs {
  @Field(() => GpuNodeWhere, { nullable: true, description: 'Only these.' })
  where?: GpuNodeWhere | null;
}
