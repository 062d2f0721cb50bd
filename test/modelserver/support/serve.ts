/** The model server as a process of its own, the way main.ts runs the role: the last line on stderr is the reason. */
import { createLog } from '../../../src/lib/log.ts';
import { runModelServer } from '../../../src/modelserver/index.ts';

try {
  const server = await runModelServer(process.argv.slice(2), {
    log: createLog({ role: 'model-server', level: 'info', destination: process.stdout }),
  });
  process.stdout.write(`url ${server.url}\n`);
  process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
