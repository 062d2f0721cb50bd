/** Host names of listeners and routes: `models.example`, `*.example`, or none (any). Lower case throughout. */

/** Names under which a route is served by a listener; undefined when they have none in common. '' is any host. */
export function intersectHostnames(
  listener: string | undefined,
  route: readonly string[] | undefined,
): string[] | undefined {
  const own = listener?.toLowerCase() ?? '';
  if (!route || route.length === 0) return [own];
  const common = new Set<string>();
  for (const name of route.map((hostname) => hostname.toLowerCase())) {
    if (own === '' || own === name || covers(own, name)) common.add(name);
    else if (covers(name, own)) common.add(own);
  }
  return common.size > 0 ? [...common] : undefined;
}

/** Whether `*.example` covers `name`, itself perhaps a wildcard. It takes any number of labels, but not `example`. */
export function covers(wildcard: string, name: string): boolean {
  return wildcard.startsWith('*.') && name.length > wildcard.length - 1 && name.endsWith(wildcard.slice(1));
}

/** Host of a request without its port, lower case; `[::1]:80` gives `[::1]`. */
export function hostOf(header: string | undefined): string {
  if (header === undefined) return '';
  const end = header.lastIndexOf(':');
  const host = end > header.lastIndexOf(']') ? header.slice(0, end) : header;
  return host.toLowerCase();
}
