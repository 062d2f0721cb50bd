/**
 * Can this be the folder of an instance? Asked before anything is written there, by doing in small what the platform does:
 * folders, files that reach the disk, links.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** What a first start with its demo writes is about 100 MB; one that goes on needs to write at all. */
const FIRST_BYTES = 200 * 1024 ** 2;
const PROBE_BYTES = 256 * 1024;

/** Makes it. Answers why it cannot be used, as the rest of a sentence that begins with its setting. */
export function refusedFolder(folder: string): string | undefined {
  try {
    make(folder);
    probe(folder);
  } catch (error) {
    return sentence(codeOf(error), error);
  }
  const { bavail, bsize } = statfsSync(folder);
  const isNew = !existsSync(join(folder, 'logs'));
  if (!isNew || bavail * bsize >= FIRST_BYTES) return undefined;
  return `has ${Math.floor((bavail * bsize) / 1024 ** 2)} MB of free disk, and a first start needs ${FIRST_BYTES / 1024 ** 2} MB: make room, or choose another folder.`;
}

/** Not mkdir's `recursive`: where the system answers ENOENT although the parent is there (/proc), it asks for ever. */
function make(folder: string): void {
  const missing: string[] = [];
  let there = folder;
  for (; !existsSync(there); there = dirname(there)) missing.unshift(there);
  if (!statSync(there).isDirectory()) throw Object.assign(new Error(`${there} is a file`), { code: 'ENOTDIR' });
  for (const one of missing) mkdirSync(one);
}

function probe(folder: string): void {
  const file = join(folder, `.probe-${process.pid}`);
  const link = `${file}.link`;
  const descriptor = openSync(file, 'w');
  try {
    writeSync(descriptor, Buffer.alloc(PROBE_BYTES, 1));
    fsyncSync(descriptor);
    linkSync(file, link);
  } finally {
    closeSync(descriptor);
    for (const one of [file, link]) rmSync(one, { force: true });
  }
}

function sentence(code: string, error: unknown): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'cannot be written by this user: choose another folder.';
    case 'EROFS':
      return 'is on a file system that is read-only: choose another folder.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'is on a disk that is full: make room, or choose another folder.';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'is a file or lies below one: choose another folder.';
    default:
      return `cannot be used as a folder for data (${code || String(error)}): choose another folder.`;
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
