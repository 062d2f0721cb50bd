import { ArgsType, Field, ID, InputType, Int, registerEnumType } from 'type-graphql';
import { SortDirection, StringFilter, TagFilter } from '../../../graphql/filters.ts';
import { DateTime, JSONObject } from '../../../graphql/scalars.ts';
import { SourceInput } from '../../experiments/index.ts';
import { ListArgs } from '../../identity/index.ts';
import { ModelFormat } from './types.ts';

const KEY = 'Makes the mutation safe to repeat: same key and input, same answer, one effect.';

@InputType({ description: 'Which version: exactly one field is set.' })
export class VersionSelector {
  @Field(() => Int, { nullable: true, description: 'Its number.' })
  number?: number | null;
  @Field(() => String, { nullable: true, description: 'The version that an alias names now.' })
  alias?: string | null;
  @Field(() => ID, { nullable: true, description: 'Its id.' })
  id?: string | null;
  @Field(() => String, { nullable: true, description: 'The newest with these bytes.' })
  digest?: string | null;
  @Field(() => Boolean, { nullable: true, description: 'The newest. Must be true.' })
  latest?: boolean | null;
}

@InputType({ description: 'Narrows a list of models. All given fields must hold.' })
export class ModelWhere {
  @Field(() => String, { nullable: true, description: 'Name of a team. One that is not there is a fault: NOT_FOUND.' })
  team?: string | null;
  @Field(() => StringFilter, { nullable: true, description: 'Its name.' })
  name?: StringFilter | null;
  @Field(() => TagFilter, { nullable: true, description: 'Has this tag.' })
  tag?: TagFilter | null;
  @Field(() => ModelFormat, { nullable: true, description: 'Has a version of this format.' })
  format?: string | null;
}

@InputType({ description: 'Narrows a list of versions. All given fields must hold.' })
export class ModelVersionWhere {
  @Field(() => String, { nullable: true, description: 'Has this alias.' })
  alias?: string | null;
  @Field(() => TagFilter, { nullable: true, description: 'Has this tag.' })
  tag?: TagFilter | null;
  @Field(() => DateTime, { nullable: true, description: 'Registered after.' })
  createdAfter?: Date | null;
  @Field(() => DateTime, { nullable: true, description: 'Registered before.' })
  createdBefore?: Date | null;
}

const ModelOrderField = { NAME: 'NAME', CREATED_AT: 'CREATED_AT', UPDATED_AT: 'UPDATED_AT' } as const;
registerEnumType(ModelOrderField, { name: 'ModelOrderField', description: 'What models can be ordered by.' });

@InputType({ description: 'How models are ordered.' })
export class ModelOrder {
  @Field(() => ModelOrderField, { description: 'By what.' })
  field!: string;
  @Field(() => SortDirection, { description: 'Which way.' })
  direction!: string;
}

@ArgsType()
export class ModelsArgs extends ListArgs {
  @Field(() => ModelWhere, { nullable: true, description: 'Only these.' })
  where?: ModelWhere | null;
  @Field(() => ModelOrder, { nullable: true, description: 'Default: by name.' })
  orderBy?: ModelOrder | null;
}

@ArgsType()
export class TeamModelsArgs extends ListArgs {
  @Field(() => ModelWhere, { nullable: true, description: 'Only these.' })
  where?: ModelWhere | null;
}

@ArgsType()
export class VersionsArgs extends ListArgs {
  @Field(() => ModelVersionWhere, { nullable: true, description: 'Only these.' })
  where?: ModelVersionWhere | null;
}

@InputType({ description: 'A new model.' })
export class CreateModelInput {
  @Field(() => String, { description: 'Name of the team that owns it.' })
  team!: string;
  @Field(() => String, { description: 'At most 52 characters: lower-case letters, digits and "-".' })
  name!: string;
  @Field(() => String, { nullable: true, description: 'What it is, in Markdown.' })
  description?: string | null;
  @Field(() => JSONObject, { nullable: true, description: 'Free key-value pairs.' })
  tags?: Record<string, unknown> | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'What changes of a model. What is not given stays.' })
export class UpdateModelInput {
  @Field(() => ID, { description: 'The model.' })
  model!: string;
  @Field(() => String, { nullable: true, description: 'New description.' })
  description?: string | null;
  @Field(() => JSONObject, { nullable: true, description: 'New tags, instead of all present ones.' })
  tags?: Record<string, unknown> | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'The model to delete, with its versions.' })
export class DeleteModelInput {
  @Field(() => ID, { description: 'The model.' })
  model!: string;
  @Field(() => Boolean, { nullable: true, description: 'CONFLICT when it has a version. Default false.' })
  onlyIfEmpty?: boolean | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'The bytes of a version.' })
export class ArtifactInput {
  @Field(() => String, { description: '`sha256:` and 64 hex digits, uploaded before.' })
  digest!: string;
  @Field(() => String, { nullable: true, description: 'Where it came from, for people.' })
  uri?: string | null;
}

@InputType({ description: 'One named tensor.' })
export class TensorInput {
  @Field(() => String, { description: 'Its name in the model.' })
  name!: string;
  @Field(() => String, { description: 'An Open Inference Protocol v2 name.' })
  datatype!: string;
  @Field(() => [Int], { description: '-1 is a free dimension.' })
  shape!: number[];
}

@InputType({ description: 'What goes in and what comes out.' })
export class SignatureInput {
  @Field(() => [TensorInput], { description: 'What the model is given.' })
  inputs!: TensorInput[];
  @Field(() => [TensorInput], { description: 'What it answers.' })
  outputs!: TensorInput[];
}

@InputType({ description: 'A new version of a model.' })
export class CreateModelVersionInput {
  @Field(() => ID, { description: 'The model.' })
  model!: string;
  @Field(() => ArtifactInput, { description: 'Its bytes.' })
  artifact!: ArtifactInput;
  @Field(() => ModelFormat, { description: 'What kind of file it is.' })
  format!: string;
  @Field(() => String, { nullable: true, description: 'What is new in it, in Markdown.' })
  description?: string | null;
  @Field(() => JSONObject, { nullable: true, description: 'Free key-value pairs.' })
  tags?: Record<string, unknown> | null;
  @Field(() => SignatureInput, {
    nullable: true,
    description: 'Read from the file where the format carries it (ONNX); what is given here counts elsewhere.',
  })
  signature?: SignatureInput | null;
  @Field(() => SourceInput, { nullable: true, description: 'The source revision it was made from.' })
  source?: SourceInput | null;
  @Field(() => JSONObject, { nullable: true, description: 'What it was trained with.' })
  parameters?: Record<string, unknown> | null;
  @Field(() => JSONObject, { nullable: true, description: 'What was measured of it offline.' })
  metrics?: Record<string, unknown> | null;
  @Field(() => ID, { nullable: true, description: 'The run it came from.' })
  run?: string | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'What changes of a version. Everything else of it is immutable.' })
export class UpdateModelVersionInput {
  @Field(() => ID, { description: 'The version.' })
  version!: string;
  @Field(() => String, { nullable: true, description: 'New description.' })
  description?: string | null;
  @Field(() => JSONObject, { nullable: true, description: 'New tags, instead of all present ones.' })
  tags?: Record<string, unknown> | null;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'Where an alias is to point.' })
export class SetAliasInput {
  @Field(() => ID, { description: 'The model.' })
  model!: string;
  @Field(() => String, { description: 'The alias; made when it is new.' })
  name!: string;
  @Field(() => VersionSelector, { description: 'The version it names from now on.' })
  version!: VersionSelector;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}

@InputType({ description: 'The alias to remove.' })
export class DeleteAliasInput {
  @Field(() => ID, { description: 'The model.' })
  model!: string;
  @Field(() => String, { description: 'The alias.' })
  name!: string;
  @Field(() => String, { nullable: true, description: KEY })
  idempotencyKey?: string | null;
}
