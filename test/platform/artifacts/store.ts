/**
 * The artifact routes as a process, for a test that puts them on a disk of its own, or is impatient with silence. Prints its
 * port; a line on stdin makes room.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fastify } from 'fastify';
import { registerArtifacts } from '../../../src/api/artifacts.ts';
import { createFileArtifacts } from '../../../src/platform/artifacts/files.ts';
import { createUrlSigner } from '../../../src/platform/artifacts/sign.ts';

const [dir = '', token = '', silenceMs = '0'] = process.argv.slice(2);
const maxBytes = 1024 ** 3;
const app = fastify({ connectionTimeout: Number(silenceMs) });
registerArtifacts(app, {
  artifacts: createFileArtifacts({ dir: join(dir, 'artifacts'), maxBytes }),
  signer: createUrlSigner({ key: 'test', artifactsUrl: 'http://127.0.0.1/artifacts' }),
  authenticate: async (header) =>
    header === `Bearer ${token}` ? { actorId: 'per_test', name: 'test', isPlatformAdmin: true } : null,
  maxBytes,
  now: Date.now,
});
process.stdin.on('data', () => {
  rmSync(join(dir, 'ballast'));
  console.log('room');
});
console.log(await app.listen({ port: 0, host: '127.0.0.1' }));
