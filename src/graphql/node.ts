/** `interface Node`: every id says its type by its prefix, so a plain row under the interface needs no class. */
import { Field, ID, InterfaceType } from 'type-graphql';
import { typeOfId } from '../lib/id.ts';

@InterfaceType('Node', {
  description: 'Anything with a global id. `node(id)` finds it again.',
  resolveType: (value: { id: string }) => typeOfId(value.id) ?? undefined,
})
export abstract class Node {
  @Field(() => ID, { description: 'Global, opaque, stable. Its prefix names the type for people: `mdl_`, `dep_`.' })
  id!: string;
}
