/** Keeps where the API is and with whose token, for later commands, after asking it whether the token is good. */
import { ViewerDocument } from '../../client/generated/graphql.ts';
import { ClopsFault, createClopsClient } from '../../client/index.ts';
import { loginWithOwn, OWN_TOKEN, ofFault } from '../answers.ts';
import { findLocal, forgetCredentials, keepCredentials } from '../connection.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { forPeople } from '../forPeople.ts';
import { ask, readAll } from '../io.ts';

const MAX_TOKEN = 4096;

export async function login(context: Context, [given]: string[], flags: { token?: string }): Promise<Exit> {
  const { config, io } = context;
  const url = (given ?? config.url ?? (await findLocal(config)).url).replace(/\/+$/, '');
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new CliError(EXIT.usage, `${JSON.stringify(url)} is no address. It looks like http://127.0.0.1:4000.`);
  const token =
    flags.token ??
    (io.in.isTTY ? await ask(io, `Token for ${url}: `, { secret: true }) : await readAll(io.in, MAX_TOKEN)).trim();
  if (token === '') throw new CliError(EXIT.usage, 'There was no token.', loginWithOwn(url));
  const client = forPeople(createClopsClient({ url, token }));
  const { viewer } = await client.request(ViewerDocument, {}, { signal: context.signal }).catch((error: unknown) => {
    if (!(error instanceof ClopsFault)) throw error;
    if (error.code !== 'UNAUTHENTICATED') throw ofFault(error);
    throw new CliError(EXIT.auth, `${url} does not accept this token. ${OWN_TOKEN}`, loginWithOwn(url));
  });
  await keepCredentials(config.credentialsFile, { url, token });
  context.note(`Kept in ${config.credentialsFile}.`);
  const nearer = config.url === undefined ? config.local.chosenBy : 'CLOPS_URL';
  const asked = nearer && (await context.place().catch(() => undefined));
  if (nearer && asked?.url !== url)
    context.note(`! ${nearer} is set in this shell, which comes first: unset it to ask ${url}.`);
  await context.show({
    data: { url, actor: viewer.actor },
    table: () => `Signed in to ${url} as ${viewer.actor.name}.`,
    names: [viewer.actor.name],
  });
  return EXIT.ok;
}

export async function logout(context: Context): Promise<Exit> {
  const { credentialsFile } = context.config;
  const was = await forgetCredentials(credentialsFile);
  context.note(was ? `Forgot ${credentialsFile}.` : 'Nothing was kept.');
  return EXIT.ok;
}
