/** Devices of a node that pods hold: which resources they are, and how a pod says which of them it has. */

/** Resources with a domain that is not Kubernetes' own are counted devices. */
export const isDevice = (resource: string): boolean =>
  resource.includes('/') && !/(^|\.)kubernetes\.io\//.test(resource);

/** The indexes of each resource that `ANNOTATIONS.devices` states: `nvidia.com/gpu=0,1`, resources joined by `;`. */
export function parseDevices(text: string | undefined): Map<string, number[]> {
  const devices = new Map<string, number[]>();
  for (const part of (text ?? '').split(';')) {
    const [resource = '', indexes = ''] = part.split('=');
    const numbers = indexes.split(',').filter((index) => /^\d{1,6}$/.test(index));
    if (resource !== '' && numbers.length > 0) devices.set(resource, numbers.map(Number));
  }
  return devices;
}
