import { Arg, Ctx as Context, Mutation, Resolver } from 'type-graphql';
import { load } from '../../../graphql/batch.ts';
import type { Ctx } from '../../../graphql/context.ts';
import { answer, payloadOf } from '../../../graphql/payload.ts';
import { typeOfId } from '../../../lib/id.ts';
import type { Result } from '../../../lib/problem.ts';
import type { Accepted } from '../../../platform/events/operations.ts';
import { DeletePayload } from '../../registry/index.ts';
import { deleteDeployment, deployModel, updateDeployment } from '../commands.ts';
import { abortRollout, pauseRollout, promoteRollout, resumeRollout, retryRollout } from '../drive.ts';
import { deploymentsById, rolloutsById } from '../queries.ts';
import { rollbackDeployment } from '../rollback.ts';
import {
  DeleteDeploymentInput,
  DeployModelInput,
  PromoteRolloutInput,
  RollbackDeploymentInput,
  RolloutInput,
  UpdateDeploymentInput,
} from './inputs.ts';
import { Deployment } from './types/deployment.ts';
import { Rollout } from './types/rollout.ts';

const RolloutPayload = payloadOf('RolloutPayload', { deployment: () => Deployment, rollout: () => Rollout });

/** The rollout is the one that the operation started or drove; null when it started none. */
function answered(ctx: Ctx, result: Promise<Result<Accepted>>): Promise<object> {
  return answer(result, async ({ operation, subject }) => {
    ctx.loaders.clear();
    const rollout = operation.subjects.find((id) => typeOfId(id) === 'Rollout');
    return {
      deployment: await load(ctx, deploymentsById, subject),
      rollout: rollout ? await load(ctx, rolloutsById, rollout) : null,
    };
  });
}

const DEPLOY = `Creates the deployment the first time; afterwards starts a rollout to that version. Same input twice: nothing happens, unless the last rollout to it was aborted: then it starts again. Requires: WRITE_DEPLOYMENT. Since: 0.1`;

@Resolver()
export class ServingMutations {
  @Mutation(() => RolloutPayload, { description: DEPLOY })
  deployModel(@Context() ctx: Ctx, @Arg('input', () => DeployModelInput) input: DeployModelInput): Promise<object> {
    return answered(ctx, deployModel(ctx, input));
  }

  @Mutation(() => RolloutPayload, {
    description:
      'Changes replicas, resources, strategy or runtime. Replicas and strategy start no rollout. Requires: WRITE_DEPLOYMENT. Since: 0.1',
  })
  updateDeployment(
    @Context() ctx: Ctx,
    @Arg('input', () => UpdateDeploymentInput) input: UpdateDeploymentInput,
  ): Promise<object> {
    return answered(ctx, updateDeployment(ctx, input));
  }

  @Mutation(() => DeletePayload, {
    description:
      'Deletes the deployment with all it runs. Its history stays readable. Requires: WRITE_DEPLOYMENT. Since: 0.1',
  })
  deleteDeployment(
    @Context() ctx: Ctx,
    @Arg('input', () => DeleteDeploymentInput) input: DeleteDeploymentInput,
  ): Promise<object> {
    return answer(deleteDeployment(ctx, input), ({ subject }) => ({ deletedId: subject }));
  }

  @Mutation(() => RolloutPayload, {
    description:
      'Ends the present pause, leaves out the remaining steps, or moves everything at once. Requires: DRIVE_ROLLOUT. Since: 0.1',
  })
  promoteRollout(
    @Context() ctx: Ctx,
    @Arg('input', () => PromoteRolloutInput) input: PromoteRolloutInput,
  ): Promise<object> {
    return answered(ctx, promoteRollout(ctx, input));
  }

  @Mutation(() => RolloutPayload, { description: 'Holds the rollout where it is. Requires: DRIVE_ROLLOUT. Since: 0.1' })
  pauseRollout(@Context() ctx: Ctx, @Arg('input', () => RolloutInput) input: RolloutInput): Promise<object> {
    return answered(ctx, pauseRollout(ctx, input));
  }

  @Mutation(() => RolloutPayload, { description: 'Lets a held rollout go on. Requires: DRIVE_ROLLOUT. Since: 0.1' })
  resumeRollout(@Context() ctx: Ctx, @Arg('input', () => RolloutInput) input: RolloutInput): Promise<object> {
    return answered(ctx, resumeRollout(ctx, input));
  }

  @Mutation(() => RolloutPayload, {
    description: 'Gives all traffic back to stable, then takes the canary away. Requires: DRIVE_ROLLOUT. Since: 0.1',
  })
  abortRollout(@Context() ctx: Ctx, @Arg('input', () => RolloutInput) input: RolloutInput): Promise<object> {
    return answered(ctx, abortRollout(ctx, input));
  }

  @Mutation(() => RolloutPayload, {
    description: 'Starts an aborted rollout again at its first step. Requires: DRIVE_ROLLOUT. Since: 0.1',
  })
  retryRollout(@Context() ctx: Ctx, @Arg('input', () => RolloutInput) input: RolloutInput): Promise<object> {
    return answered(ctx, retryRollout(ctx, input));
  }

  @Mutation(() => RolloutPayload, {
    description:
      'Goes back to a revision that was stable, without its steps when that was a short while ago. After a rollback it wants `toRevision`: asked twice, it does not go forward again. It lets go what is paused: `paused` is false afterwards. Requires: DRIVE_ROLLOUT. Since: 0.1',
  })
  rollbackDeployment(
    @Context() ctx: Ctx,
    @Arg('input', () => RollbackDeploymentInput) input: RollbackDeploymentInput,
  ): Promise<object> {
    return answered(ctx, rollbackDeployment(ctx, input));
  }
}
