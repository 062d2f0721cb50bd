/**
 * Containers here have no file system and no port space of their own. What a container calls by its path inside (a
 * mount, a file of the image) or by a port it shares with others is replaced, wherever it is written in command,
 * arguments and environment, by where that really is.
 */
export type Rewrite = (text: string) => string;

/** A path counts when it stands alone or leads a longer one: `/models` in `--dir=/models/a`, not in `/models2`. */
export function pathRewrite(paths: ReadonlyMap<string, string>): Rewrite {
  if (paths.size === 0) return (text) => text;
  const alternatives = [...paths.keys()].sort((a, b) => b.length - a.length).map(literally);
  const pattern = new RegExp(`(?<![\\w./-])(?:${alternatives.join('|')})(?![\\w.-])`, 'g');
  return (text) => text.replace(pattern, (path) => paths.get(path) as string);
}

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** A number counts when no digit, letter or dot touches it: 8080 in `--port=8080` and `:8080/`, not in `18080`. */
export function portRewrite(ports: ReadonlyMap<number, number>): Rewrite {
  if (ports.size === 0) return (text) => text;
  const pattern = new RegExp(`(?<![\\w.])(?:${[...ports.keys()].join('|')})(?![\\w.])`, 'g');
  return (text) => text.replace(pattern, (port) => String(ports.get(Number(port))));
}

/** `$(NAME)` by its value, `$$(NAME)` as `$(NAME)`; unknown names stay as they are, as in Kubernetes. */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (match, name: string | undefined) =>
    match === '$$' ? '$' : (values.get(name as string) ?? match),
  );
}
