/** Keys for the store: given, or in a file that AWS's own tools read as well and that may be replaced while this runs. */
import { readFile, stat } from 'node:fs/promises';

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Asked before every request. @throws Error with what is wrong with the file */
export type CredentialsSource = () => Promise<Credentials>;

/** A mounted Secret is exchanged under its name: what was read counts as long as the file is the same. */
export function credentialsIn(file: string): CredentialsSource {
  let known: { changed: number; credentials: Credentials } | undefined;
  return async () => {
    const changed = (await stat(file)).mtimeMs;
    if (known?.changed !== changed)
      known = { changed, credentials: defaultProfile(await readFile(file, 'utf8'), file) };
    return known.credentials;
  };
}

function defaultProfile(text: string, file: string): Credentials {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const from = lines.indexOf('[default]') + 1;
  const length = lines.slice(from).findIndex((line) => line.startsWith('['));
  const section = lines.slice(from, length < 0 ? undefined : from + length);
  const value = (name: string): string | undefined =>
    section.map((line) => /^(\w+)\s*=\s*(.*)$/.exec(line)).find((match) => match?.[1] === name)?.[2];
  const [accessKeyId, secretAccessKey] = [value('aws_access_key_id'), value('aws_secret_access_key')];
  if (from === 0 || !accessKeyId || !secretAccessKey)
    throw new Error(`${file} lacks aws_access_key_id and aws_secret_access_key under [default]`);
  const sessionToken = value('aws_session_token');
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
