/** "Did you mean": the names nearest to what was typed, by insertions, deletions, replacements and swapped neighbours. */

const MOST = 3;

export function similar(typed: string, names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, distance: distance(typed, name) }))
    .filter(({ name, distance: d }) => d <= Math.max(1, Math.floor(Math.max(typed.length, name.length) / 3)))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, MOST)
    .map(({ name }) => name);
}

/** ` Did you mean vad or vad2?`, or nothing. */
export function didYouMean(typed: string, names: readonly string[]): string {
  const found = similar(typed, names);
  return found.length > 0 ? ` Did you mean ${found.join(' or ')}?` : '';
}

function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
