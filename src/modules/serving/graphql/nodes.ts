/** Which reader finds a thing of this slice by its id. */
import { deploymentsById, revisionsById, rolloutsById } from '../queries.ts';
import { replicasById } from '../replicas.ts';

export const servingNodes = {
  Deployment: deploymentsById,
  Revision: revisionsById,
  Rollout: rolloutsById,
  Replica: replicasById,
};
