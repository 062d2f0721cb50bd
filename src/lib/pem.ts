/** Certificates in a file of them, as authorities are handed on: comments, keys and what cannot be read are left out. */
import { X509Certificate } from 'node:crypto';

export function certificatesIn(text: string): { certificates: string[]; unreadable: number } {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.filter(isReadable);
  return { certificates, unreadable: blocks.length - certificates.length };
}

function isReadable(block: string): boolean {
  try {
    return Boolean(new X509Certificate(block));
  } catch {
    return false;
  }
}
