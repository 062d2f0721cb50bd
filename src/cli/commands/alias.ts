/** Movable names of versions. */
import { SetAliasDocument } from '../../client/generated/graphql.ts';
import { done } from '../answers.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { findModel, full, splitVersion } from '../names.ts';
import { findVersion } from './models.ts';

/** Lets an alias name a version, from now on and instead of the one that it named. */
export async function alias(context: Context, [ref = '', name = '']: string[]): Promise<Exit> {
  checkAlias(name);
  const { model: modelRef, ...wanted } = splitVersion(ref);
  if (wanted.number === undefined && wanted.alias === undefined)
    throw new CliError(EXIT.usage, `Say which version the alias names: ${ref}@1, or ${ref}@alias.`);
  const model = await findModel(context, modelRef);
  const version = await findVersion(context, model, wanted);
  await setAlias(context, model.id, version.number, name);
  const label = `${full(model)}@${version.number}`;
  await context.show({
    data: { alias: name, version },
    table: () => `${full(model)}@${name} is ${label}`,
    names: [label],
  });
  return EXIT.ok;
}

export async function setAlias(context: Context, model: string, number: number, name: string): Promise<void> {
  done((await context.ask(SetAliasDocument, { input: { model, name, version: { number } } })).setAlias);
}

/** As the API judges it in the end; asked before bytes are sent. */
export function checkAlias(alias: string): void {
  if (alias === 'latest')
    throw new CliError(EXIT.usage, '"latest" is the newest version by itself: choose another alias.');
  if (!/^[a-z]([a-z0-9_-]{0,61}[a-z0-9])?$/.test(alias))
    throw new CliError(
      EXIT.usage,
      `The alias ${JSON.stringify(alias)} cannot be used: at most 63 lower-case letters, digits, "-" and "_", beginning with a letter and not ending with a sign.`,
    );
}
