/**
 * Which API, and with whose token: CLOPS_URL and CLOPS_TOKEN first, then the instance that CLOPS_DATA_DIR (or
 * CLOPS_HTTP_PORT) names in this shell, then what `clops login` kept, then the instance of this folder. What is said in
 * the shell is nearer than what was kept some day: with the login first, two instances on one machine were mixed up.
 * A token is never sent to a place that it was not given for: one that was kept goes to the address it was kept with, and
 * CLOPS_TOKEN without CLOPS_URL to the instance of this machine, as the server's setting of that name. This folder's own
 * goes where its instance says that it listens: at its end it takes that back, and another may listen by default.
 */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClientConfig } from '../config.ts';
import { CliError, EXIT } from './exit.ts';

export interface Place {
  url: string;
  token: string | undefined;
  /** Where the address was found, for people. */
  from: string;
  /** Where the token was found; undefined when there is none. */
  tokenFrom: string | undefined;
  /** It is the instance of this folder, which `npm start` starts. */
  isLocal: boolean;
}

type LocalPlace = Pick<Place, 'url' | 'from' | 'isLocal'> & {
  /** Nobody said so: no instance of this folder is running. */
  isGuess?: true;
};

const KEPT = 'clops login';

export async function findPlace(config: ClientConfig): Promise<Place> {
  const { url, token, credentialsFile } = config;
  const [kept, local] = await Promise.all([readCredentials(credentialsFile), findLocal(config)]);
  if (url !== undefined) {
    const isLocal = url === local.url;
    const found =
      token !== undefined
        ? { token, tokenFrom: 'CLOPS_TOKEN' }
        : kept?.url === url
          ? { token: kept.token, tokenFrom: `${credentialsFile} (${KEPT})` }
          : isLocal
            ? await localToken(config)
            : { token: undefined, tokenFrom: undefined };
    return { url, ...found, from: 'CLOPS_URL', isLocal };
  }
  // A folder that was named must not lead to the default port: another instance answered there.
  if (local.isGuess && config.local.chosenBy === 'CLOPS_DATA_DIR') throw nothingRuns(dirname(config.local.kubeconfig));
  if (token !== undefined) {
    // Whether it is for the address that was kept or for this folder's nobody but its owner can say.
    if (kept && kept.url !== local.url && config.local.chosenBy === undefined)
      throw new CliError(
        EXIT.usage,
        `CLOPS_TOKEN is set and does not say for which API, and \`clops login\` kept ${kept.url}: set CLOPS_URL too, or unset CLOPS_TOKEN.`,
        `CLOPS_URL=${kept.url} clops doctor`,
        `CLOPS_URL=${local.url} clops doctor`,
      );
    return { ...local, token, tokenFrom: 'CLOPS_TOKEN' };
  }
  if (kept && config.local.chosenBy === undefined) {
    const from = `${credentialsFile} (${KEPT})`;
    return { ...kept, from, tokenFrom: from, isLocal: kept.url === local.url };
  }
  const own = local.isGuess ? { token: undefined, tokenFrom: undefined } : await localToken(config);
  if (own.token === undefined && kept?.url === local.url)
    return { ...local, token: kept.token, tokenFrom: `${credentialsFile} (${KEPT})` };
  return { ...local, ...own };
}

const nothingRuns = (folder: string): CliError =>
  new CliError(
    EXIT.failure,
    `Nothing is running in ${folder}, the folder that CLOPS_DATA_DIR names: it holds no file \`url\`.`,
    `CLOPS_DATA_DIR=${folder} npm start`,
  );

/** Where the instance of this folder listens: it writes that beside its token. CLOPS_HTTP_PORT overrules it. */
export async function findLocal({ local }: ClientConfig): Promise<LocalPlace> {
  if (local.urlFile === undefined) return { url: local.url, from: 'CLOPS_HTTP_PORT', isLocal: true };
  const said = await readText(local.urlFile);
  if (said === undefined)
    return { url: local.url, from: `the default (there is no ${local.urlFile})`, isLocal: true, isGuess: true };
  if (!URL.canParse(said) || !/^https?:/.test(said))
    throw new CliError(
      EXIT.usage,
      `${local.urlFile} holds no address. The next start of that instance writes it anew.`,
    );
  return { url: said.replace(/\/+$/, ''), from: local.urlFile, isLocal: true };
}

async function localToken({ local }: ClientConfig): Promise<Pick<Place, 'token' | 'tokenFrom'>> {
  const token = await readText(local.tokenFile);
  return { token, tokenFrom: token === undefined ? undefined : local.tokenFile };
}

export async function keepCredentials(file: string, credentials: { url: string; token: string }): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  await chmod(file, 0o600); // The mode above holds only for a file that is new.
}

/** Whether there were any. */
export async function forgetCredentials(file: string): Promise<boolean> {
  const there = (await readText(file)) !== undefined;
  await rm(file, { force: true });
  return there;
}

async function readCredentials(file: string): Promise<{ url: string; token: string } | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    const { url, token } = JSON.parse(text) as { url?: unknown; token?: unknown };
    if (typeof url === 'string' && typeof token === 'string') return { url, token };
  } catch {
    // Said below, as for any other content.
  }
  throw new CliError(EXIT.usage, `${file} is not what \`clops login\` wrote.`, 'clops logout', 'clops login');
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}
