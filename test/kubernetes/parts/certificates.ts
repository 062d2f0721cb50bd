/**
 * Who is who in a cluster of the harness: three authorities, as every installer of Kubernetes makes them, so that a client
 * certificate of the API server opens neither etcd nor the aggregation layer; and kubeconfigs that carry theirs.
 */
import 'reflect-metadata'; // @peculiar/x509 wants it loaded first
import { createPrivateKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

export type AuthorityName = 'kubernetes' | 'front-proxy' | 'etcd';

export interface Leaf {
  /** Name of the files `NAME.crt` and `NAME.key`. */
  file: string;
  user: string;
  groups?: readonly string[];
  /** With these it is a server's certificate, otherwise a client's. */
  names?: readonly string[];
}

export interface Paths {
  cert: string;
  key: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 3600 * 1000;
const validity = (): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() - DAY),
  notAfter: new Date(Date.now() + 800 * DAY),
});

x509.cryptoProvider.set(webcrypto);

export const pathsOf = (dir: string, file: string): Paths => ({
  cert: join(dir, `${file}.crt`),
  key: join(dir, `${file}.key`),
});

/** The authority's certificate is `NAME-ca.crt`. Made once. */
export async function makeAuthority(dir: string, name: AuthorityName): Promise<void> {
  const paths = pathsOf(dir, `${name}-ca`);
  if (existsSync(paths.cert)) return;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`${name}-ca`] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await write(paths, cert, keys.privateKey);
}

export async function makeLeaf(dir: string, authority: AuthorityName, leaf: Leaf): Promise<Paths> {
  const paths = pathsOf(dir, leaf.file);
  if (existsSync(paths.cert)) return paths;
  const { cert: issuer, key: signingKey } = await readAuthority(dir, authority);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const names = leaf.names ?? [];
  const cert = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [leaf.user] }, ...(leaf.groups ?? []).map((group) => ({ O: [group] }))],
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // etcd, alone, uses its server's certificate as a client too
      new x509.ExtendedKeyUsageExtension(names.length > 0 ? [serverAuth, clientAuth] : [clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length === 0
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              names.map((name) => ({ type: isIP(name) ? ('ip' as const) : ('dns' as const), value: name })),
            ),
          ]),
    ],
  });
  await write(paths, cert, keys.privateKey);
  return paths;
}

/** The key pair with which tokens of service accounts are signed and checked. */
export function makeSigningKeys(dir: string): Paths {
  const paths = { cert: join(dir, 'service-accounts.pub'), key: join(dir, 'service-accounts.key') };
  if (existsSync(paths.cert)) return paths;
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  });
  writeFileSync(paths.key, privateKey, { mode: 0o600 });
  writeFileSync(paths.cert, publicKey);
  return paths;
}

/** Writes a kubeconfig of one user of the API server, who is made if new, and returns its path. */
export async function writeKubeconfig(run: string, url: string, leaf: Leaf): Promise<string> {
  const pki = join(run, 'pki');
  const paths = await makeLeaf(pki, 'kubernetes', leaf);
  const data = (file: string): string => readFileSync(file).toString('base64');
  const authority = data(pathsOf(pki, 'kubernetes-ca').cert);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'clops',
    clusters: [{ name: 'clops', cluster: { server: url, 'certificate-authority-data': authority } }],
    users: [
      {
        name: leaf.user,
        user: { 'client-certificate-data': data(paths.cert), 'client-key-data': data(paths.key) },
      },
    ],
    contexts: [{ name: 'clops', context: { cluster: 'clops', user: leaf.user } }],
  };
  const path = join(run, `${leaf.file}.kubeconfig`);
  writeFileSync(path, JSON.stringify(config, undefined, 2), { mode: 0o600 });
  return path;
}

async function readAuthority(
  dir: string,
  name: AuthorityName,
): Promise<{ cert: x509.X509Certificate; key: webcrypto.CryptoKey }> {
  const paths = pathsOf(dir, `${name}-ca`);
  const pkcs8 = createPrivateKey(readFileSync(paths.key)).export({ type: 'pkcs8', format: 'der' });
  const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  return { cert: new x509.X509Certificate(readFileSync(paths.cert, 'utf8')), key };
}

async function write(paths: Paths, cert: x509.X509Certificate, key: webcrypto.CryptoKey): Promise<void> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  writeFileSync(paths.key, `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`, { mode: 0o600 });
  writeFileSync(paths.cert, `${cert.toString('pem')}\n`);
}
