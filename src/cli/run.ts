/** From the words of a command line to an exit code. Whatever goes wrong is said here, in one form, on stderr. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { type Context, createContext } from './context.ts';
import { EXIT, type Exit } from './exit.ts';
import { inWords } from './inWords.ts';
import { type Io, PIPE_CLOSED } from './io.ts';
import { createProgram } from './program.ts';
import { asTyped, calledAs } from './typed.ts';

/** `argv` without `node` and the name of the script. */
export async function run(argv: readonly string[], io: Io): Promise<Exit> {
  const outcome: { exit: Exit } = { exit: EXIT.ok };
  let context: Context | undefined;
  const program = createProgram(
    calledAs(io.script),
    versionOfPackage(),
    async (flags, waits) => (context = await createContext(io, flags, waits)),
    outcome,
  );
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)])
    command.exitOverride().configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: () => io.out.columns ?? 100,
      getErrHelpWidth: () => io.err.columns ?? 100,
    });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return outcome.exit;
  } catch (error) {
    if (error instanceof CommanderError) {
      const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
      return asked || argv.length === 0 ? EXIT.ok : EXIT.usage;
    }
    if (io.interrupt.reason === PIPE_CLOSED) return EXIT.ok;
    const { exit, message, next } = await inWords(error, io, context);
    const typed = (text: string): string => asTyped(text, context?.program ?? 'clops');
    // A terminal has echoed ^C where the cursor stood.
    if (exit === EXIT.interrupted && io.err.isTTY) io.err.write('\n');
    io.err.write(`${exit === EXIT.interrupted ? '' : 'error: '}${typed(message)}\n`);
    for (const command of next) io.err.write(`  try: ${typed(command)}\n`);
    return exit;
  }
}

function versionOfPackage(): string {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
