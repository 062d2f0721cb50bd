/**
 * What the log endpoint shows to be this node. In the local cluster nobody looks. A real API server may have been told to
 * look (`--kubelet-certificate-authority`, as k3s does): then it wants a certificate that the cluster itself has signed,
 * which is asked for as a kubelet asks, and approved by us, whose kubeconfig may do that.
 */
import 'reflect-metadata'; // @peculiar/x509 wants it loaded first
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { ClusterPort, KubeObject } from '../../platform/cluster/port.ts';
import { CERTIFICATESIGNINGREQUESTS } from '../../platform/cluster/resources.ts';

/** PEM. */
export interface Pair {
  cert: string;
  key: string;
}

export interface Subject {
  nodeName: string;
  address: string;
}

const DAY = 24 * 3600 * 1000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const SIGNER = 'kubernetes.io/kubelet-serving';

/** Made anew at every start: a kubelet without a signer does the same. */
export async function selfSigned(subject: Subject, now: number): Promise<Pair> {
  const keys = await newKeys();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [userOf(subject)] }],
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + 365 * DAY),
    extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]), namesOf(subject)],
  });
  return { cert: cert.toString('pem'), key: await pemOf(keys.privateKey) };
}

interface Request extends KubeObject {
  status?: { certificate?: string; conditions?: { type: string; message?: string }[] };
}

/** @throws when the cluster refuses, or has nobody who signs within the signal's time. */
export async function signedByCluster(cluster: ClusterPort, subject: Subject, signal: AbortSignal): Promise<Pair> {
  const keys = await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: ['system:nodes'] }, { CN: [userOf(subject)] }],
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [namesOf(subject)],
  });
  const asked: Request = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: '', generateName: `clops-${subject.nodeName}-` },
    spec: {
      signerName: SIGNER,
      usages: ['digital signature', 'server auth'],
      request: Buffer.from(request.toString('pem')).toString('base64'),
    },
  };
  const { metadata } = await cluster.create<Request>(CERTIFICATESIGNINGREQUESTS, asked, { signal });
  const { name, resourceVersion = '' } = metadata;
  const message = 'CLOps serves logs of a node that it runs as processes of a machine';
  const approved = { status: { conditions: [{ type: 'Approved', status: 'True', reason: 'JoinedByClops', message }] } };
  const how = { subresource: 'approval' as const, signal };
  await cluster.patch(CERTIFICATESIGNINGREQUESTS, name, undefined, 'merge', approved, how);
  const fieldSelector = `metadata.name=${name}`;
  const changes = cluster.watch<Request>(CERTIFICATESIGNINGREQUESTS, { fieldSelector, resourceVersion, signal });
  for await (const event of changes) {
    if (event.type === 'BOOKMARK') continue;
    const { certificate, conditions = [] } = event.object.status ?? {};
    if (certificate) return { cert: Buffer.from(certificate, 'base64').toString(), key: await pemOf(keys.privateKey) };
    const failed = conditions.find(({ type }) => type === 'Failed' || type === 'Denied');
    if (failed) throw new Error(`certificate signing request ${name} was refused: ${failed.message}`);
  }
  throw new Error(`nobody has signed certificate signing request ${name}`);
}

const userOf = ({ nodeName }: Subject): string => `system:node:${nodeName}`;

const namesOf = ({ nodeName, address }: Subject): x509.SubjectAlternativeNameExtension =>
  new x509.SubjectAlternativeNameExtension([
    { type: 'dns', value: nodeName },
    { type: 'ip', value: address },
  ]);

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  x509.cryptoProvider.set(webcrypto);
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
