/** URLs that may be read until a moment, for one digest: what a pod gets instead of a person's token. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a pod may read an artifact with, in whichever store it is. */
export type AddressForPods = (digest: string, expiresAtMs: number) => Promise<string>;

export interface UrlSigner {
  /** `<artifactsUrl>/<digest>?expires=<unix seconds>&signature=<hex>` */
  sign(digest: string, expiresAtMs: number): string;
  verify(digest: string, expires: string | undefined, signature: string | undefined, nowMs: number): boolean;
}

export function createUrlSigner(options: { key: string; artifactsUrl: string }): UrlSigner {
  const mac = (digest: string, expires: string): Buffer =>
    createHmac('sha256', options.key).update(`artifact ${digest} ${expires}`).digest();
  return {
    sign(digest, expiresAtMs) {
      const expires = String(Math.floor(expiresAtMs / 1000));
      return `${options.artifactsUrl}/${digest}?expires=${expires}&signature=${mac(digest, expires).toString('hex')}`;
    },
    verify(digest, expires, signature, nowMs) {
      if (!expires || !/^\d{1,12}$/.test(expires) || !signature || !/^[0-9a-f]{64}$/.test(signature)) return false;
      return timingSafeEqual(mac(digest, expires), Buffer.from(signature, 'hex')) && Number(expires) * 1000 > nowMs;
    },
  };
}
