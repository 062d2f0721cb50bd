/**
 * Kubernetes quantities (`500m`, `16Gi`, `1e3`, `2`) as numbers and back. Numbers are doubles: exact up to 2^53, which
 * is 8 PiB of memory. Compare CPU in thousandths (`Math.round(n * 1000)`), since 0.1 + 0.2 is not 0.3 here either.
 */

const PATTERN = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/;

const DECIMAL = { n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 } as const;
const BINARY = {
  '': 1,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
} as const;
const FACTORS: Readonly<Record<string, number>> = { ...DECIMAL, ...BINARY };

/** Longest quantity that is read; Kubernetes' own longest canonical form is far shorter. */
const MAX_LENGTH = 64;

/** True when `text` is a quantity as Kubernetes reads one. */
export const isQuantity = (text: string): boolean => text.length <= MAX_LENGTH && PATTERN.test(text);

/**
 * The value in base units: cores, bytes, pieces. A number stands for itself, as YAML writes `cpu: 2`.
 * @throws RangeError when the text is not a quantity.
 */
export function parseQuantity(quantity: string | number): number {
  if (typeof quantity === 'number' && Number.isFinite(quantity)) return quantity;
  const text = String(quantity);
  const match = text.length <= MAX_LENGTH ? PATTERN.exec(text) : null;
  if (!match) {
    const shown = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
    throw new RangeError(
      `"${shown}" is not a quantity: write a number with an optional suffix, as 500m, 2, 16Gi or 1e3`,
    );
  }
  const [, sign, digits, suffix = '', exponent] = match;
  // Division by a whole number keeps 100m at exactly 0.1; multiplying by 1e-3 would not.
  const factor = exponent === undefined ? (FACTORS[suffix] as number) : 10 ** Number(exponent);
  const value = factor < 1 ? Number(digits) / Math.round(1 / factor) : Number(digits) * factor;
  return sign === '-' ? -value : value;
}

/**
 * The shortest canonical form: the largest suffix that leaves a whole number, `m` for fractions (rounded up to a
 * thousandth, as Kubernetes rounds). `decimal` for cores and pieces (`1500m`, `2k`), `binary` for bytes (`16Gi`).
 */
export function formatQuantity(value: number, base: 'decimal' | 'binary' = 'decimal'): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} has no form as a quantity: only finite numbers have one`);
  if (value < 0) return `-${formatQuantity(-value, base)}`;
  if (!Number.isInteger(value)) {
    const milli = Math.ceil(Number((value * 1000).toFixed(6)));
    return milli % 1000 === 0 ? formatQuantity(milli / 1000, base) : `${milli}m`;
  }
  if (value === 0) return '0';
  const suffixes = Object.entries(base === 'binary' ? BINARY : DECIMAL).reverse();
  const [suffix, factor] = suffixes.find(([, factor]) => factor >= 1 && value % factor === 0) ?? ['', 1];
  return `${value / factor}${suffix}`;
}
