/** Who asks: an ordered list of strategies, each answering a principal or null. Today one: the admin token of this installation. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Principal } from '../graphql/context.ts';

export type Authenticate = (authorization: string | undefined) => Promise<Principal | null>;
export type Strategy = (token: string) => Promise<Principal | null>;

/** `authorization` is the header's value, or the same text from a WebSocket's connection_init payload. */
export function createAuthenticate(strategies: readonly Strategy[]): Authenticate {
  return async (authorization) => {
    const token = /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(authorization ?? '')?.[1];
    if (!token) return null;
    for (const strategy of strategies) {
      const principal = await strategy(token);
      if (principal) return principal;
    }
    return null;
  };
}

/** Compares digests, so that neither length nor prefix of the right token shows in the time taken. */
export function adminTokenStrategy(token: string, principal: Principal): Strategy {
  const expected = sha256(token);
  return async (given) => (timingSafeEqual(sha256(given), expected) ? principal : null);
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
