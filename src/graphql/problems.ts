/** Expected outcomes of a mutation as types: `errors { __typename message path … }` of every payload. */
import { Field, InterfaceType, ObjectType, registerEnumType } from 'type-graphql';
import type { Problem, ProblemCode } from '../lib/problem.ts';
import { Node } from './node.ts';

const UserErrorCode = {
  INVALID_INPUT: 'INVALID_INPUT',
  NOT_FOUND: 'NOT_FOUND',
  NAME_TAKEN: 'NAME_TAKEN',
  CONFLICT: 'CONFLICT',
  NOT_ALLOWED_NOW: 'NOT_ALLOWED_NOW',
  UNSUPPORTED: 'UNSUPPORTED',
  DIGEST_MISMATCH: 'DIGEST_MISMATCH',
} as const;
registerEnumType(UserErrorCode, { name: 'UserErrorCode', description: 'What kind of answer an error is.' });

export interface UserErrorValue {
  code: string;
  message: string;
  path: readonly string[] | null;
  [detail: string]: unknown;
}

const TYPE_BY_CODE: Partial<Record<ProblemCode, string>> = {
  INVALID_INPUT: 'InvalidInputError',
  NOT_FOUND: 'NotFoundError',
  NAME_TAKEN: 'NameTakenError',
  CONFLICT: 'ConflictError',
  NOT_ALLOWED_NOW: 'NotAllowedNowError',
  UNSUPPORTED: 'UnsupportedError',
  DIGEST_MISMATCH: 'DigestMismatchError',
};

@InterfaceType('UserError', {
  description: 'An expected outcome that is not success. Faults are top-level `errors` with `extensions.code` instead.',
  resolveType: (value: UserErrorValue) => TYPE_BY_CODE[value.code as ProblemCode],
})
export abstract class UserError {
  @Field(() => UserErrorCode, { description: 'What kind of answer this is.' })
  code!: string;
  @Field(() => String, { description: 'What is wrong and what to do, for people.' })
  message!: string;
  @Field(() => [String], { nullable: true, description: 'Where in `input`: `["steps", "0", "setWeight"]`.' })
  path!: string[] | null;
}

@ObjectType({ implements: UserError, simpleResolvers: true, description: 'A value of the input breaks a rule.' })
class InvalidInputError extends UserError {
  @Field(() => String, {
    description: 'The rule that was broken, machine-readable: `too_big`, `invalid_format`, `rising`.',
  })
  constraint!: string;
}

@ObjectType({
  implements: UserError,
  simpleResolvers: true,
  description: 'Something the input names does not exist, or may not be seen.',
})
class NotFoundError extends UserError {}

@ObjectType({ implements: UserError, simpleResolvers: true, description: 'The name is in use.' })
class NameTakenError extends UserError {
  @Field(() => Node, { nullable: true, description: 'What has the name.' })
  existing!: Node | null;
}

@ObjectType({
  implements: UserError,
  simpleResolvers: true,
  description: 'Somebody else changed it first, or a key was used for another input.',
})
class ConflictError extends UserError {
  @Field(() => Node, { nullable: true, description: 'The thing as it is now.' })
  current!: Node | null;
}

@ObjectType({ implements: UserError, simpleResolvers: true, description: 'The verb exists but not in this state.' })
class NotAllowedNowError extends UserError {
  @Field(() => String, { nullable: true, description: 'The state that does not allow it.' })
  phase!: string | null;
  @Field(() => [String], { description: 'The verbs that are allowed now.' })
  allowed!: string[];
}

@ObjectType({
  implements: UserError,
  simpleResolvers: true,
  description: 'The chosen runtime, gateway or cluster cannot do this. Nothing was written.',
})
class UnsupportedError extends UserError {
  @Field(() => String, { description: 'What is missing.' })
  capability!: string;
}

@ObjectType({ implements: UserError, simpleResolvers: true, description: 'The bytes are not those that were named.' })
class DigestMismatchError extends UserError {
  @Field(() => String, { description: 'The digest that was named.' })
  expected!: string;
  @Field(() => String, { description: 'The digest of what is there.' })
  actual!: string;
}

/** Types that appear only behind the interface must be named to `buildSchema`. */
export const userErrorTypes = [
  InvalidInputError,
  NotFoundError,
  NameTakenError,
  ConflictError,
  NotAllowedNowError,
  UnsupportedError,
  DigestMismatchError,
] as const;

export function userErrors(problems: readonly Problem[]): UserErrorValue[] {
  return problems.map((p) => ({
    code: p.problem,
    message: p.message,
    path: p.path ?? null,
    constraint: 'invalid',
    allowed: [],
    capability: '',
    ...p.details,
  }));
}
