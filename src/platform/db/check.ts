/**
 * Is there a Postgres at this address that CLOps can work with? Asked once, before anything depends on it, by a connection
 * of its own: the answer is a sentence for the person who set the address.
 */
import pg from 'pg';
import { isPassing } from './passing.ts';

const OLDEST = 15;
const WITHIN_MS = 5_000;

export interface Trouble {
  /** The rest of a sentence that begins with the setting and its value: what is wrong, and what to do. */
  words: string;
  /** It may answer later, as a Postgres that is just being started; everything else waits for a person. */
  mayPass: boolean;
}

export async function troubleWithDatabase(url: string): Promise<Trouble | undefined> {
  let client: pg.Client;
  try {
    client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: WITHIN_MS,
      query_timeout: WITHIN_MS,
      application_name: 'clops',
    });
  } catch (error) {
    return lasting(`cannot be read (${messageOf(error)}): write postgres://user:password@host:port/database.`);
  }
  client.on('error', () => {}); // What ends the connection is told by the call that waits for it.
  try {
    await client.connect();
    const { rows } = await client.query<Facts>(FACTS);
    return rows[0] && troubleIn(rows[0]);
  } catch (error) {
    return troubleOf(error);
  } finally {
    void client.end().catch(() => {});
  }
}

interface Facts {
  version: string;
  number: number;
  database: string;
  user: string;
  standby: boolean;
  writable: boolean;
}

const FACTS = `
  select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
         current_database() as database, current_user as user, pg_is_in_recovery() as standby,
         coalesce((select has_schema_privilege(oid, 'CREATE') from pg_namespace where nspname = 'clops'),
                  has_database_privilege(current_database(), 'CREATE')) as writable`;

function troubleIn({ version, number, database, user, standby, writable }: Facts): Trouble | undefined {
  if (number < OLDEST * 10_000) {
    return lasting(`is a Postgres ${version}, and CLOps needs ${OLDEST} or newer: upgrade it, or name another one.`);
  }
  if (standby) return lasting('is a standby, which takes no writes: name the primary.');
  if (writable) return undefined;
  return lasting(
    `is a database in which ${user} may not make the schema "clops": GRANT CREATE ON DATABASE "${database}" TO "${user}".`,
  );
}

function troubleOf(error: unknown): Trouble {
  const code = codeOf(error);
  const message = messageOf(error);
  if (code === '28P01' || code === '28000') {
    return lasting(`is refused by that Postgres (${message}): put right the user and the password.`);
  }
  if (code === '3D000') return lasting(`names a database that is not there (${message}): create it, or name another.`);
  if (/CERT|_SIGNATURE$/.test(code)) {
    return lasting(
      `has a certificate that does not prove who it is (${message}): name the file of its authority in NODE_EXTRA_CA_CERTS (the chart: extraCA.configMap), and the host as the certificate does.`,
    );
  }
  if (/Received unexpected|Connection terminated unexpectedly/.test(message)) {
    return passing('is answered by something that does not speak as Postgres does: check host and port.');
  }
  if (isPassing(code) || /timeout/.test(message)) {
    return passing(
      `does not answer (${code || 'nothing within 5 s'}): start that Postgres, or put right host and port.`,
    );
  }
  return lasting(`cannot be used (${message}): put it right.`);
}

const lasting = (words: string): Trouble => ({ words, mayPass: false });
const passing = (words: string): Trouble => ({ words, mayPass: true });

/** A name with several addresses fails with several errors in one. */
const first = (error: unknown): unknown => (error instanceof AggregateError ? error.errors[0] : error);
const messageOf = (error: unknown): string => {
  const one = first(error);
  return one instanceof Error ? one.message : String(one);
};
const codeOf = (error: unknown): string => {
  const one = first(error);
  return one instanceof Error && 'code' in one ? String(one.code) : '';
};
