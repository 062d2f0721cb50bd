/**
 * `npm run picture -- DEPLOYMENT FILE.svg` records `clops rollouts watch` as it stands in a terminal now, from a real
 * instance (the environment says which), and writes it as an SVG. It plays the terminal itself, so that every machine draws
 * the same picture, and ends with the first one that has numbers.
 */
import { writeFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { run } from '../src/cli/run.ts';

const [deployment = 'vad', file = 'docs/pictures/rollouts-watch.svg'] = process.argv.slice(2);
const COLUMNS = 100;
const [CELL, LINE, PAD, BAR] = [8.4, 19, 18, 36];
const ESC = '\u001b';

interface Span {
  text: string;
  column: number;
  styles: readonly string[];
}

const frame = await record(['rollouts', 'watch', deployment]);
writeFileSync(file, svg(frame, `clops rollouts watch ${deployment}`));
console.log(`${file}: ${frame.length} lines`);

/** The lines on the screen once they have numbers. @throws Error with the words of a command that ended before. */
async function record(args: readonly string[]): Promise<string[]> {
  const enough = new AbortController();
  const interrupt = AbortSignal.any([enough.signal, AbortSignal.timeout(20_000)]);
  const screen = createScreen();
  let lines: string[] | undefined;
  let said = '';
  const sink = (take: (text: string) => void): Writable =>
    new Writable({
      write(chunk, _encoding, done) {
        take(String(chunk));
        done();
      },
    });
  const out = sink((text) => {
    screen.write(text);
    if (lines || !/[0-9] ms /.test(screen.lines.join('\n'))) return;
    lines = [...screen.lines];
    enough.abort();
  });
  const err = sink((text) => (said += text));
  await run(args, {
    out: Object.assign(out, { isTTY: true, columns: COLUMNS, rows: 60 }),
    err,
    in: Readable.from([]),
    interrupt,
  });
  if (!lines) throw new Error(said.trim() || 'no numbers came');
  return lines.join('\n').trimEnd().split('\n');
}

/** As much of a terminal as a redrawn frame needs: lines are written whole, the cursor goes up and down, and lines go. */
function createScreen(): { lines: string[]; write(text: string): void } {
  const lines: string[] = [''];
  let row = 0;
  return {
    lines,
    write(text) {
      for (const [part, count = '1', move] of text.matchAll(
        new RegExp(`${ESC}\\[\\??([0-9]*)([A-Zhl])|\\n|${ESC}\\[[0-9]+m|[^\\n${ESC}]+`, 'g'),
      )) {
        if (move === 'A') row = Math.max(0, row - Number(count || 1));
        else if (move === 'B') row += Number(count || 1);
        else if (move === 'K' && count === '2') lines[row] = '';
        else if (part === '\n') row += 1;
        else if (move === undefined) lines[row] += part;
        lines[row] ??= '';
      }
    },
  };
}

/** SGR codes → names of styles; a code that ends some takes them away. */
function spans(line: string): Span[] {
  const on: Readonly<Record<string, string>> = {
    1: 'bold',
    2: 'dim',
    31: 'red',
    32: 'green',
    33: 'yellow',
    36: 'cyan',
  };
  const off: Readonly<Record<string, readonly string[]>> = {
    22: ['bold', 'dim'],
    39: ['red', 'green', 'yellow', 'cyan'],
  };
  const found: Span[] = [];
  let styles: readonly string[] = [];
  let column = 0;
  for (const [, code, text = ''] of line.matchAll(new RegExp(`(?:${ESC}\\[([0-9]+)m)?([^${ESC}]*)`, 'g'))) {
    const style = code === undefined ? undefined : on[code];
    if (style) styles = [...styles, style];
    else if (code !== undefined) styles = styles.filter((one) => !(off[code] ?? styles).includes(one));
    // Runs of spaces part what is drawn: each part stands in its own column, whatever the font's widths are.
    for (const part of text.matchAll(/\S+(?: \S+)*/g))
      found.push({ text: part[0], column: column + [...text.slice(0, part.index)].length, styles });
    column += [...text].length;
  }
  return found;
}

function svg(lines: readonly string[], title: string): string {
  const width = Math.ceil(COLUMNS * CELL + 2 * PAD);
  const height = BAR + lines.length * LINE + PAD;
  const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const drawn = ({ text, column, styles }: Span): string => {
    const place = `x="${(PAD + column * CELL).toFixed(1)}" textLength="${([...text].length * CELL).toFixed(1)}"`;
    return `<tspan ${place}${styles.length > 0 ? ` class="${styles.join(' ')}"` : ''}>${escaped(text)}</tspan>`;
  };
  const rows = lines.map((line, i) => {
    const parts = spans(line).map(drawn).join('');
    return parts === '' ? [] : [`<text y="${BAR + 14 + i * LINE}">${parts}</text>`];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">
<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d4d7dc; white-space: pre }
.title { fill: #9aa0a8; text-anchor: middle }
.bold { font-weight: bold; fill: #fff } .dim { fill: #8b919a }
.red { fill: #f47067 } .green { fill: #8ccf7e } .yellow { fill: #e5c76b } .cyan { fill: #6cb6e0 }
</style>
<rect width="${width}" height="${height}" rx="8" fill="#1e2227"/>
<circle cx="20" cy="18" r="6" fill="#ff5f57"/><circle cx="40" cy="18" r="6" fill="#febc2e"/><circle cx="60" cy="18" r="6" fill="#28c840"/>
<text class="title" x="${width / 2}" y="23">${escaped(title)}</text>
${rows.flat().join('\n')}
</svg>
`;
}
