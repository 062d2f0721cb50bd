/** What this machine lacks for a cluster, in one sentence: the reason for which a test is skipped or a person refused. */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { missingPrograms } from '../build/build.ts';
import type { SetName } from '../build/programs.ts';
import type { KubernetesOptions } from '../cluster.ts';

/** Debian's package for each program that a node needs and that is not built from Go modules. */
const PACKAGES: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  runc: 'runc',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  nft: 'nftables',
  iptables: 'iptables',
  conntrack: 'conntrack',
  sysctl: 'procps',
  tar: 'tar',
};
/** Bits of the effective capabilities, by their kernel names. */
const CAPABILITIES: Readonly<Record<string, bigint>> = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n };

export const isOnPath = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

export const setsOf = ({ kwok = 0, nodes = 0, traefik = false, dns = false }: KubernetesOptions): SetName[] => [
  'control-plane',
  ...(kwok > 0 ? (['kwok'] as const) : []),
  ...(nodes > 0 ? (['nodes'] as const) : []),
  ...(dns && nodes > 0 ? (['dns'] as const) : []),
  ...(traefik ? (['traefik'] as const) : []),
];

export const isApart = ({ nodes = 0, apart = false }: KubernetesOptions): boolean => nodes > 0 || apart;

/** Of the machine alone: whatever can be built counts as there when Go is. */
export function missingOnMachine(options: KubernetesOptions): string | undefined {
  if (process.platform !== 'linux') return `A real Kubernetes needs Linux, and this is ${process.platform}.`;
  if (!isOnPath('go') && missingPrograms(setsOf(options)).length > 0)
    return 'A real Kubernetes is built from Go modules, and there is no `go` (1.26 or newer) on the PATH.';
  if (!isApart(options)) return undefined;
  if ((options.nodes ?? 0) > 0 && process.env['CLOPS_KUBERNETES_NODES'] === 'none')
    return 'Nodes that run containers are not wanted here: CLOPS_KUBERNETES_NODES=none.';
  if (process.getuid?.() !== 0) return 'Nodes and a network apart need root, and this is not root.';
  const effective = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  const lacking = Object.keys(CAPABILITIES).filter((name) => !((effective >> (CAPABILITIES[name] ?? 0n)) & 1n));
  if (lacking.length > 0) return `Nodes need network and mount namespaces, and this root lacks ${lacking.join(', ')}.`;
  const needed = (options.nodes ?? 0) > 0 ? Object.keys(PACKAGES) : ['ip', 'nsenter', 'sysctl'];
  const programs = needed.filter((program) => !isOnPath(program));
  const packages = [...new Set(programs.map((program) => PACKAGES[program]))].join(' ');
  if (programs.length > 0) return `Nodes need ${programs.join(', ')}: \`apt-get install ${packages}\`.`;
  return undefined;
}

export function missingFor(options: KubernetesOptions): string | undefined {
  const sets = setsOf(options);
  const unbuilt = missingPrograms(sets);
  if (unbuilt.length > 0)
    return `${unbuilt.join(', ')} not built yet: \`npm run kubernetes:build -- ${sets.join(' ')}\`.`;
  return missingOnMachine(options);
}
