/** What `kubectl get pods` says of a pod, as Kubernetes counts and names it (printPod). */
import { isObject, listAt, objectAt, type Plain, readPath } from './json.ts';

interface PodCells {
  ready: number;
  total: number;
  restarts: number;
  status: string;
}

export function podCells(pod: Plain): PodCells {
  const { restartsOfSidecars, ...cells } = ofInitContainers(pod);
  if (cells.status === undefined || conditionOf(pod, 'Initialized')?.status === 'True') {
    cells.restarts = restartsOfSidecars; // those of the steps before count only until they are over
    addContainers(pod, cells);
  }
  return { ...cells, status: ended(pod) ?? cells.status ?? phaseOf(pod) };
}

type Cells = Omit<PodCells, 'status'> & { status: string | undefined };

const statuses = (pod: Plain, key: string): Plain[] => listAt(pod.status, key).filter(isObject);
const restartsOf = (one: Plain): number => Number(one.restartCount ?? 0);
const conditionOf = (pod: Plain, type: string): Plain | undefined =>
  listAt(pod.status, 'conditions')
    .filter(isObject)
    .find((one) => one.type === type);

function phaseOf(pod: Plain): string {
  if (conditionOf(pod, 'PodScheduled')?.reason === 'SchedulingGated') return 'SchedulingGated';
  return String(readPath(pod, 'status.reason') || readPath(pod, 'status.phase') || 'Unknown');
}

/** Up to the first that is in the way. A sidecar, which goes on beside the containers, is not once it has started. */
function ofInitContainers(pod: Plain): Cells & { restartsOfSidecars: number } {
  const specs = listAt(pod.spec, 'initContainers').filter(isObject);
  const sidecars = new Set(specs.filter((one) => one.restartPolicy === 'Always').map(({ name }) => name));
  const total = listAt(pod.spec, 'containers').length + sidecars.size;
  let [ready, restarts, restartsOfSidecars] = [0, 0, 0];
  for (const [index, one] of statuses(pod, 'initContainerStatuses').entries()) {
    const isSidecar = sidecars.has(one.name);
    restarts += restartsOf(one);
    if (isSidecar) restartsOfSidecars += restartsOf(one);
    const terminated = objectAt(one.state, 'terminated');
    if (terminated.exitCode === 0) continue;
    if (isSidecar && one.started === true) {
      if (one.ready === true) ready++;
      continue;
    }
    const waiting = objectAt(one.state, 'waiting').reason;
    const why =
      terminated.exitCode !== undefined
        ? endOf(terminated)
        : waiting && waiting !== 'PodInitializing'
          ? waiting
          : `${index}/${specs.length}`;
    return { ready, total, restarts, restartsOfSidecars, status: `Init:${why}` };
  }
  return { ready, total, restarts, restartsOfSidecars, status: undefined };
}

/** The first container with something to say has the word. */
function addContainers(pod: Plain, cells: Cells): void {
  let hasRunning = false;
  for (const one of statuses(pod, 'containerStatuses').toReversed()) {
    cells.restarts += restartsOf(one);
    const waiting = objectAt(one.state, 'waiting').reason;
    const terminated = objectAt(one.state, 'terminated');
    if (waiting) cells.status = String(waiting);
    else if (terminated.exitCode !== undefined) cells.status = endOf(terminated);
    else if (one.ready === true) {
      hasRunning = true;
      cells.ready++;
    }
  }
  if (cells.status === 'Completed' && hasRunning)
    cells.status = conditionOf(pod, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
}

function ended(pod: Plain): string | undefined {
  if (readPath(pod, 'metadata.deletionTimestamp') === undefined) return undefined;
  if (readPath(pod, 'status.reason') === 'NodeLost') return 'Unknown';
  return ['Succeeded', 'Failed'].includes(String(readPath(pod, 'status.phase'))) ? undefined : 'Terminating';
}

const endOf = ({ reason, signal, exitCode }: Plain): string =>
  String(reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`));
