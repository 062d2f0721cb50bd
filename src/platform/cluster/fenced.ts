/** A cluster port that writes only while it may: for a leader that may have been frozen while another took its place. */
import type { ClusterPort } from './port.ts';

/** Not the leader any more, or not known to be: nothing was sent. */
export class NotHeld extends Error {
  constructor() {
    super('The lease is not known to be held any more, so nothing is written.');
    this.name = 'NotHeld';
  }
}

export function fencedBy(mayWrite: () => boolean, cluster: ClusterPort): ClusterPort {
  const write = async <T>(send: () => Promise<T>): Promise<T> => {
    if (!mayWrite()) throw new NotHeld();
    return send();
  };
  return {
    ...cluster,
    create: (...given) => write(() => cluster.create(...given)),
    replace: (...given) => write(() => cluster.replace(...given)),
    patch: (...given) => write(() => cluster.patch(...given)),
    apply: (...given) => write(() => cluster.apply(...given)),
    delete: (...given) => write(() => cluster.delete(...given)),
  };
}
