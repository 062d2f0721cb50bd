/** Which errors of Postgres, and of the way to it, pass by themselves: whoever met one may ask again. */

/** A transaction that Postgres ended in favour of another: it may be repeated as a whole, at once. */
const REPEATABLE = ['40001', '40P01'];

const READ_ONLY = '25006';

/**
 * Classes and codes of SQLSTATE: the connection (08), too few resources (53), a Postgres that stops or was told to end it
 * (57P), a statement that took too long (57014), a lock that was not given in time (55P03), a server that only reads, as
 * after a failover (25006).
 */
const SQLSTATES = ['08', '53', '57P', '57014', '55P03', READ_ONLY, ...REPEATABLE];
const SYSTEM = 'ECONN ETIMEDOUT EPIPE EHOSTUNREACH ENETUNREACH EHOSTDOWN ENOENT ENOTFOUND EAI_AGAIN'.split(' ');
const PASSING = [...SQLSTATES, ...SYSTEM];

/** The server behind the connection writes no more: another does since a failover, and only a new connection finds it. */
export const isReadOnly = (code: string): boolean => code === READ_ONLY;
export const isRepeatable = (code: string): boolean => REPEATABLE.includes(code);
export const isPassing = (code: string): boolean => PASSING.some((one) => code.startsWith(one));
