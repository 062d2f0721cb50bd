/**
 * API tokens: `clops_`, 30 random base62 characters (178 bits) and a checksum of six. The prefix lets secret scanners
 * find a leaked one, the checksum refuses a typing error before anybody is asked. Stored is only the digest.
 */
import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'clops_';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SHAPE = /^clops_[0-9A-Za-z]{36}$/;

export function newToken(): string {
  let secret = '';
  while (secret.length < 30) {
    // 248 is the largest multiple of 62 in a byte: without this the first eight characters would come more often.
    for (const byte of randomBytes(64)) if (byte < 248 && secret.length < 30) secret += BASE62[byte % 62];
  }
  return PREFIX + secret + checksum(secret);
}

/** Shape and checksum are right. Says nothing about whether the token was ever given out. */
export function isToken(text: string): boolean {
  return SHAPE.test(text) && checksum(text.slice(PREFIX.length, -6)) === text.slice(-6);
}

/** What is stored and looked up: SHA-256 in hex. A token has 178 bits, so neither salt nor a slow hash adds anything. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function checksum(secret: string): string {
  let rest = crc32(secret);
  let text = '';
  for (let i = 0; i < 6; i++) {
    text = BASE62[rest % 62] + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}
