/** What runs in pods, told everything by its flags: the model server, and what fetches its artifact before it starts. */
import type { Log } from '../lib/log.ts';
import { version } from './here.ts';

export async function modelServer(argv: readonly string[], log: Log): Promise<() => Promise<void>> {
  const { runModelServer } = await import('../modelserver/index.ts');
  const running = await runModelServer(argv, { log, programVersion: version() });
  return () => running.close();
}

export async function fetchArtifact(argv: readonly string[], log: Log): Promise<undefined> {
  const { runFetchArtifact } = await import('../modelserver/fetchArtifact.ts');
  await runFetchArtifact(argv, { log });
}
