/**
 * Who is who in the local cluster: a certificate authority, the server's certificate and the clients' certificates, kept
 * under `<dataDir>/cluster/pki`, made once.
 *
 * A file holds a certificate and its key together and comes by rename, so that a kill between two writes never leaves a
 * pair that does not match. What does not parse, is not of this authority, lacks a name it must have or ends within a
 * year is made anew: this is done at start only, so a process may run for the year that is left.
 */
import 'reflect-metadata'; // @peculiar/x509 wants it loaded first
import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

interface User {
  name: string;
  groups: readonly string[];
}

/** PEM texts. */
export interface Pair {
  cert: string;
  key: string;
}

export const CLIENTS = {
  admin: { name: 'clops:admin', groups: ['system:masters'] },
  controller: { name: 'clops:controller', groups: ['system:masters'] },
  node: { name: 'clops:node', groups: ['system:masters', 'system:nodes'] },
  /** What the API server itself is to a node's log endpoint. */
  apiserver: { name: 'clops:apiserver', groups: ['system:masters'] },
} as const satisfies Record<string, User>;

export type ClientName = keyof typeof CLIENTS;

export interface Pki {
  /** The authority's certificate, PEM. */
  ca: string;
  server: Pair;
  clients: Record<ClientName, Pair>;
  /** The admin's bearer token, for clients without certificates. */
  token: string;
}

export interface PkiOptions {
  dir: string;
  /** The address on which the server listens: becomes a name of its certificate. */
  bind: string;
  /** Milliseconds since the epoch; for tests of renewal. */
  now?: number;
}

const DAY = 24 * 3600 * 1000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RENEW_BEFORE = 365 * DAY;
const CA_DAYS = 3650;
/** More than this some clients refuse a server's certificate, whoever signed it. */
const LEAF_DAYS = 820;

x509.cryptoProvider.set(webcrypto);

interface Authority {
  pair: Pair;
  cert: x509.X509Certificate;
  key: webcrypto.CryptoKey;
}

export async function openPki({ dir, bind, now = Date.now() }: PkiOptions): Promise<Pki> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const authority = await openAuthority(dir, now);
  const names = serverNames(bind);
  const server = await leaf(dir, 'server', authority, now, { user: { name: 'clops-apiserver', groups: [] }, names });
  const clients: Partial<Record<ClientName, Pair>> = {};
  for (const name of Object.keys(CLIENTS) as ClientName[])
    clients[name] = await leaf(dir, name, authority, now, { user: CLIENTS[name], names: [] });
  return {
    ca: authority.pair.cert,
    server,
    clients: clients as Record<ClientName, Pair>,
    token: await openToken(join(dir, 'admin.token')),
  };
}

/** Written beside its place, synced and renamed: a reader sees the old content or the new one, never a part. */
export async function writeWhole(path: string, content: string, mode = 0o600): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(draft, content, { flag: 'wx', mode, flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function openAuthority(dir: string, now: number): Promise<Authority> {
  const path = join(dir, 'ca.pem');
  const kept = await readPair(path);
  if (kept && validFor(kept, now) && new X509Certificate(kept.cert).ca) return authorityOf(kept);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['clops-local'] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(now, CA_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pair = await pairOf(cert, keys.privateKey);
  await writePair(path, pair);
  return authorityOf(pair);
}

async function authorityOf(pair: Pair): Promise<Authority> {
  const pkcs8 = createPrivateKey(pair.key).export({ type: 'pkcs8', format: 'der' });
  const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  return { pair, cert: new x509.X509Certificate(pair.cert), key };
}

async function leaf(
  dir: string,
  file: string,
  authority: Authority,
  now: number,
  { user, names }: { user: User; names: readonly string[] },
): Promise<Pair> {
  const path = join(dir, `${file}.pem`);
  const kept = await readPair(path);
  if (kept && validFor(kept, now) && issuedBy(kept, authority) && namesAll(kept, names)) return kept;
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const usage = names.length > 0 ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
  const cert = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [user.name] }, ...user.groups.map((group) => ({ O: [group] }))],
    issuer: authority.cert.subject,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: ALGORITHM,
    ...validity(now, LEAF_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.cert.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names.map(generalName))] : []),
    ],
  });
  const pair = await pairOf(cert, keys.privateKey);
  await writePair(path, pair);
  return pair;
}

function serverNames(bind: string): string[] {
  const names = ['localhost', '127.0.0.1', '::1', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  names.push('kubernetes.default.svc.cluster.local');
  const unspecified = bind === '0.0.0.0' || bind === '::';
  for (const name of unspecified ? [hostname()] : [bind]) if (!names.includes(name)) names.push(name);
  return names;
}

const generalName = (name: string): { type: 'ip' | 'dns'; value: string } => ({
  type: isIP(name) ? 'ip' : 'dns',
  value: name,
});

const validity = (now: number, days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(now - DAY), // clocks differ between machines that share a data folder
  notAfter: new Date(now + days * DAY),
});

const validFor = ({ cert, key }: Pair, now: number): boolean => {
  const parsed = new X509Certificate(cert);
  const [from, to] = [Date.parse(parsed.validFrom), Date.parse(parsed.validTo)];
  return from <= now && to - now > RENEW_BEFORE && parsed.checkPrivateKey(createPrivateKey(key));
};

const issuedBy = ({ cert }: Pair, authority: Authority): boolean =>
  new X509Certificate(cert).verify(new X509Certificate(authority.pair.cert).publicKey);

const namesAll = ({ cert }: Pair, names: readonly string[]): boolean => {
  const parsed = new X509Certificate(cert);
  return names.every((name) => (isIP(name) ? parsed.checkIP(name) : parsed.checkHost(name)) !== undefined);
};

async function pairOf(cert: x509.X509Certificate, key: webcrypto.CryptoKey): Promise<Pair> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  return { cert: `${cert.toString('pem')}\n`, key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n` };
}

const writePair = (path: string, { cert, key }: Pair): Promise<void> => writeWhole(path, cert + key);

/** Undefined for a file that is absent or is not exactly one certificate and one key. */
async function readPair(path: string): Promise<Pair | undefined> {
  const text = await readText(path);
  const cert = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text ?? '')?.[0];
  const key = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----/.exec(text ?? '')?.[0];
  if (!cert || !key) return undefined;
  try {
    new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    return { cert: `${cert}\n`, key: `${key}\n` };
  } catch {
    return undefined;
  }
}

async function openToken(path: string): Promise<string> {
  const kept = (await readText(path))?.trim();
  if (kept && /^[\w-]{43}$/.test(kept)) return kept;
  const token = randomBytes(32).toString('base64url');
  await writeWhole(path, `${token}\n`);
  return token;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Compared as digests, in the same time whatever differs. */
export const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
