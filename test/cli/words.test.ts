/** What needs no API: steps, durations, names that are nearly right, made-up inputs, the picture. */

import type { Option } from 'commander';
import { expect, test } from 'vitest';
import { EXAMPLES } from '../../src/cli/examples.ts';
import { createProgram } from '../../src/cli/program.ts';
import { logLines } from '../../src/cli/shown/logRecord.ts';
import { createPaint } from '../../src/cli/shown/paint.ts';
import { durationMs, percent, span } from '../../src/cli/shown/text.ts';
import { similar } from '../../src/cli/similar.ts';
import { stepsOf } from '../../src/cli/strategy.ts';
import { inputsOf } from '../../src/cli/tensors.ts';
import { LONGEST_TIMER_MS } from '../../src/lib/clock.ts';

test('every command shows an example that it would take', () => {
  const program = createProgram('clops', '0.0.0', () => Promise.reject(new Error('not asked')), { exit: 0 });
  expect(program.helpInformation()).toContain('--version');
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    const path = command.parent === program ? command.name() : `${command.parent?.name()} ${command.name()}`;
    if (path === 'help') continue;
    const example = EXAMPLES[path];
    expect(example, path).toBeDefined();
    const flags = command
      .createHelp()
      .visibleOptions(command)
      .concat(program.options as Option[]);
    for (const flag of example?.match(/(?<= |^)--?[a-z-]+/g) ?? [])
      expect(
        flags.some(({ short, long }) => short === flag || long === flag),
        `${path} ${flag}`,
      ).toBe(true);
  }
});

test('steps of a canary', () => {
  expect(stepsOf('10, pause:30s,50%,pause:2m,pause')).toEqual([
    { setWeight: 10 },
    { pause: { seconds: 30 } },
    { setWeight: 50 },
    { pause: { seconds: 120 } },
    { pause: {} },
  ]);
  expect(() => stepsOf('10,puase')).toThrow(/"puase" is no step/);
  expect(() => stepsOf('10,pause:soon')).toThrow(/duration/);
});

test.each([
  ['500ms', 500],
  ['30', 30_000],
  ['30s', 30_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
])('%s is %d ms', (text, ms) => expect(durationMs(text, 'It')).toBe(ms));

test('a duration that a timer cannot hold is refused, where there is a timer', () => {
  expect(() => durationMs('25d', '--timeout', LONGEST_TIMER_MS)).toThrow('--timeout is at most 24d, and is "25d".');
  expect(durationMs('24d', '--timeout', LONGEST_TIMER_MS)).toBeLessThan(2 ** 31);
  expect(stepsOf('10,pause:30d')).toContainEqual({ pause: { seconds: 30 * 86_400 } });
});

test('spans and shares', () => {
  expect([span(30), span(3725), span(0), span(172_800)]).toEqual(['30s', '1h 2m', '0s', '2d']);
  expect([percent(0.1), percent(0.1034), percent(0)]).toEqual(['10 %', '10.3 %', '0 %']);
});

test('what was probably meant', () => {
  const names = ['vad', 'speech-to-text', 'ranker', 'vat'];
  expect(similar('vda', names)).toEqual(['vad']);
  expect(similar('va', names)).toEqual(['vad', 'vat']);
  expect(similar('speech-to-txt', names)).toEqual(['speech-to-text']);
  expect(similar('elephant', names)).toEqual([]);
});

test('a record of a log is read, and what is none stays as it is', () => {
  const seen = new Date(2026, 0, 2, 12, 0, 3, 120);
  const at = seen.toISOString();
  const lines = (record: unknown): string[] =>
    logLines(createPaint(false), typeof record === 'string' ? record : JSON.stringify(record), at);
  const pino = { level: 30, time: at, url: 'http://127.0.0.1:1', note: 'a "b"', none: null, msg: 'the model is ready' };
  expect(lines(pino)).toEqual([
    '12:00:03.120 INFO  the model is ready  url=http://127.0.0.1:1 note="a \\"b\\"" none=null',
  ]);
  expect(lines({ levelname: 'warning', ts: seen.getTime() / 1000, event: 'slow', of: [1, 2] })).toEqual([
    '12:00:03.120 WARNING slow  of=[1,2]',
  ]);
  expect(
    lines({ message: 'failed', error: { message: 'boom', stack: 'Error: boom\n  at a' }, trace: 'x\ny\n' }),
  ).toEqual(['12:00:03.120 failed  error=boom', '  Error: boom', '    at a', '  trace:', '  x', '  y']);
  // An escape that was written out in the record is not carried out on the terminal.
  expect(lines({ msg: '\u001b[2Jgone', 'k\u0007': '\u009b' })[0]).toMatch(/ \\u001b\[2Jgone {2}k\\u0007=\\u009b$/);
  for (const other of ['INFO: started', '{"loss": 0.1}', '{"msg": "cut o', '[1]', '', '{"msg": 1}'])
    expect(lines(other)).toEqual([other]);
});

test('inputs are filled from the signature, and what was made up is named', () => {
  const signature = [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'rate', datatype: 'INT64', shape: [] },
    { name: 'who', datatype: 'BYTES', shape: [1] },
  ];
  const { inputs, made } = inputsOf(signature, { data: ['x=[1,2,3,4]'] });
  expect(inputs).toEqual([
    { name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] },
    { name: 'rate', datatype: 'INT64', shape: [], data: [0] },
    { name: 'who', datatype: 'BYTES', shape: [1], data: [''] },
  ]);
  expect(made.map(({ name }) => name)).toEqual(['rate', 'who']);
  expect(inputsOf(signature, { data: ['x=[[1,2]]'] }).inputs[0]).toMatchObject({ shape: [1, 2], data: [1, 2] });
  expect(() => inputsOf(signature, { data: ['xx=1'] })).toThrow(/Did you mean x\?/);
  expect(() => inputsOf(undefined, {})).toThrow(/no signature/);
  expect(() => inputsOf(signature, { data: ['x=[1,2'] })).toThrow(/--data x is not JSON: /);
  expect(inputsOf(signature, { data: ['who=me'] }).inputs[2]).toMatchObject({ data: ['me'] });
});

test('zeros are made up only where nobody has to know a size: a batch is one', () => {
  const signature = [
    { name: 'frame', datatype: 'FP32', shape: [-1, -1] },
    { name: 'state', datatype: 'FP32', shape: [-1, 2] },
  ];
  const { made, open } = inputsOf(signature, {});
  expect(made).toEqual([{ name: 'state', datatype: 'FP32', shape: [1, 2], data: [0, 0] }]);
  expect(open.map(({ name }) => name)).toEqual(['frame']);
  const sized = inputsOf(signature, { shapes: ['frame=1,3'] });
  expect(sized.inputs[0]).toEqual({ name: 'frame', datatype: 'FP32', shape: [1, 3], data: [0, 0, 0] });
  expect(sized.open).toEqual([]);
  expect(() => inputsOf(signature, { shapes: ['state=1,3'] })).toThrow(/state=1,3 does not fit: state is \[\?, 2\]/);
  expect(() => inputsOf(signature, { shapes: ['frame'] })).toThrow(/--shape is written name=1,512/);
});
