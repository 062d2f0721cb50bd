/** Resources and steps as the graph spells them. */
import type { StepSpec as ContractStep, ResourcesSpec } from '../../../contract/modeldeployment.ts';
import type { Resources } from './types/deployment.ts';

export const resourcesValue = ({ requests, gpus }: ResourcesSpec): Resources => ({
  cpu: requests?.cpu ?? null,
  memory: requests?.memory ?? null,
  gpus: gpus?.count ?? null,
  gpuProduct: gpus?.product ?? null,
  gpuMemoryMib: gpus?.memoryMib ?? null,
  migProfile: gpus?.migProfile ?? null,
});

export const stepValue = ({ setWeight, pause }: ContractStep) => ({
  setWeight: setWeight ?? null,
  pause: pause ? { seconds: pause.seconds ?? null } : null,
});
