import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionOf } from '../../../graphql/connection.ts';
import { Node } from '../../../graphql/node.ts';
import { DateTime, JSONObject, SafeInt } from '../../../graphql/scalars.ts';
import { Source } from '../../experiments/index.ts';
import { FORMATS } from '../rules.ts';

export const ModelFormat = Object.fromEntries(FORMATS.map((format) => [format, format]));
registerEnumType(ModelFormat, { name: 'ModelFormat', description: 'What kind of file the artifact is.' });

@ObjectType({ simpleResolvers: true, description: 'The bytes of a version.' })
export class Artifact {
  @Field(() => String, { description: 'Where it was said to come from, else where it can be got. Since: 0.1' })
  uri!: string;
  @Field(() => String, { description: '`sha256:` and 64 hex digits. Since: 0.1' })
  digest!: string;
  @Field(() => SafeInt, { description: 'Bytes. Since: 0.1' })
  sizeBytes!: number;
  @Field(() => String, { nullable: true, description: 'Where to get it, with a token. Since: 0.1' })
  downloadUrl!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'One named tensor.' })
export class Tensor {
  @Field(() => String, { description: 'Its name in the model. Since: 0.1' })
  name!: string;
  @Field(() => String, { description: 'An Open Inference Protocol v2 name: FP32, INT64, BYTES … Since: 0.1' })
  datatype!: string;
  @Field(() => [Int], { description: '-1 is a free dimension; empty is a scalar. Since: 0.1' })
  shape!: number[];
}

@ObjectType({ simpleResolvers: true, description: 'What goes in and what comes out.' })
export class Signature {
  @Field(() => [Tensor], { description: 'What the model is given. Since: 0.1' })
  inputs!: Tensor[];
  @Field(() => [Tensor], { description: 'What it answers. Since: 0.1' })
  outputs!: Tensor[];
}

@ObjectType('Model', { implements: Node, simpleResolvers: true, description: 'A named model with numbered versions.' })
export class Model extends Node {
  @Field(() => String, { description: 'Unique in its team; never changes. Since: 0.1' })
  name!: string;
  @Field(() => String, { description: 'What it is, in Markdown. Since: 0.1' })
  description!: string;
  @Field(() => JSONObject, { description: 'Free key-value pairs. Since: 0.1' })
  tags!: Record<string, unknown>;
  @Field(() => DateTime, { description: 'When it was created. Since: 0.1' })
  createdAt!: Date;
}

@ObjectType('ModelVersion', {
  implements: Node,
  simpleResolvers: true,
  description: 'Immutable once created; only description, tags and aliases change.',
})
export class ModelVersion extends Node {
  @Field(() => Int, { description: 'Counts from 1 without gaps. Since: 0.1' })
  number!: number;
  @Field(() => String, { description: 'What is new in it, in Markdown. Since: 0.1' })
  description!: string;
  @Field(() => JSONObject, { description: 'Free key-value pairs. Since: 0.1' })
  tags!: Record<string, unknown>;
  @Field(() => DateTime, { description: 'When it was registered. Since: 0.1' })
  createdAt!: Date;
  @Field(() => ModelFormat, { description: 'What kind of file it is. Since: 0.1' })
  format!: string;
  @Field(() => Signature, {
    nullable: true,
    description: 'Named tensors in and out; null when the format does not say and nobody did. Since: 0.1',
  })
  signature!: Signature | null;
  @Field(() => Source, { nullable: true, description: 'The source revision it was made from. Since: 0.1' })
  source!: Source | null;
  @Field(() => JSONObject, { description: 'What it was trained with. Since: 0.1' })
  parameters!: Record<string, unknown>;
  @Field(() => JSONObject, { description: 'What was measured of it offline. Since: 0.1' })
  metrics!: Record<string, unknown>;
}

@ObjectType({ simpleResolvers: true, description: 'A movable name on a version: `champion`.' })
export class Alias {
  @Field(() => String, { description: 'The name. Since: 0.1' })
  name!: string;
  @Field(() => DateTime, { description: 'When it was last moved. Since: 0.1' })
  movedAt!: Date;
}

export const ModelConnection = connectionOf('Model', () => Model);
export const ModelVersionConnection = connectionOf('ModelVersion', () => ModelVersion);
