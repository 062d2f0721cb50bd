import { expect, test } from 'vitest';
import { createLog } from '../../src/lib/log.ts';

test('an error is written out under both of its names', () => {
  const lines: string[] = [];
  const log = createLog({ role: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });
  log.error({ err: new Error('one'), error: new Error('two') }, 'failed');
  expect(JSON.parse(lines.join(''))).toMatchObject({
    msg: 'failed',
    err: { message: 'one' },
    error: { message: 'two' },
  });
});
