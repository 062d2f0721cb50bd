/** Prometheus' text format, read: as much of it as exporters write. Comments, timestamps and exemplars are passed over. */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Record<string, string> = { n: '\n', '"': '"', '\\': '\\' };

/** The samples whose name `wanted` accepts. A line that is not of the format is passed over: one bad exporter line must not hide the others. */
export function parsePrometheus(text: string, wanted: (name: string) => boolean = () => true): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = LINE.exec(line);
    const name = match?.[1];
    if (name === undefined || !wanted(name)) continue;
    const value = number(match?.[3] ?? '');
    if (value !== undefined) samples.push({ name, labels: labelsOf(match?.[2] ?? ''), value });
  }
  return samples;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(LABEL)) {
    labels[name as string] = (value as string).replace(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char);
  }
  return labels;
}

function number(text: string): number | undefined {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  const value = Number(text);
  return text === '' || Number.isNaN(value) ? undefined : value;
}
