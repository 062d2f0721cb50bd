import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createFileArtifacts } from '../../../src/platform/artifacts/files.ts';
import { artifactContract, MAX_BYTES } from './suite.ts';

const dir = mkdtempSync(join(tmpdir(), 'clops-artifacts-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// A folder has one process: it is the same store that is opened again.
const store = createFileArtifacts({ dir, maxBytes: MAX_BYTES });
artifactContract({ store: () => store, reopen: () => store });
