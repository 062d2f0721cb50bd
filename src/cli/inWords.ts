/** Whatever was thrown, as a reason to stop that a person can read, with its exit code. */
import type { Context } from './context.ts';
import { CliError, EXIT } from './exit.ts';
import type { Io } from './io.ts';

export async function inWords(error: unknown, io: Io, context: Context | undefined): Promise<CliError> {
  if (error instanceof CliError) return error;
  if (io.interrupt.aborted) return new CliError(EXIT.interrupted, 'Interrupted.');
  if (context?.signal.aborted)
    return new CliError(EXIT.timeout, 'The time is up. --timeout gives it more.', 'clops doctor');
  const { ClopsFault } = await import('../client/index.ts');
  if (error instanceof ClopsFault) {
    if (error.code === 'NOT_FOUND' && context) {
      const known = await (await import('./names.ts')).knownTeam(context).catch((inner: unknown) => inner);
      if (known instanceof CliError) return known;
    }
    return (await import('./answers.ts')).ofFault(error, await context?.place());
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && error.name === 'ConfigError') return new CliError(EXIT.usage, message);
  if (error instanceof Error && 'code' in error && 'path' in error) {
    const path = String(error.path);
    if (error.code === 'ENOENT') return new CliError(EXIT.usage, `There is no file ${path}.`);
    if (error.code === 'EACCES') return new CliError(EXIT.usage, `${path} may not be read or written by you.`);
  }
  if (error instanceof Error && 'code' in error && error.code === 'EISDIR')
    return new CliError(EXIT.usage, 'A folder was given where a file is wanted.');
  return new CliError(EXIT.failure, message);
}
