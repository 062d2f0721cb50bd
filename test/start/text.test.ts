import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { isToken, newToken, tokenDigest } from '../../src/lib/token.ts';
import { startTable } from '../../src/start/report.ts';

test('a token is recognised, and a typing error in it as well', () => {
  const tokens = Array.from({ length: 50 }, newToken);
  expect(new Set(tokens).size).toBe(50);
  for (const token of tokens) expect(token).toMatch(/^clops_[0-9A-Za-z]{36}$/);
  expect(tokens.every(isToken)).toBe(true);
  const [token = ''] = tokens;
  fc.assert(
    fc.property(fc.integer({ min: 6, max: 41 }), fc.constantFrom(...'0123456789ABCXYZabcxyz'), (at, letter) => {
      const other = token.slice(0, at) + letter + token.slice(at + 1);
      expect(isToken(other)).toBe(other === token);
    }),
  );
  for (const no of ['', 'clops_', token.slice(1), `${token}0`, token.toLowerCase()]) expect(isToken(no)).toBe(false);
  expect(tokenDigest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('the table fits 80 columns, and every address and command stands whole on a line', () => {
  const facts = {
    graphql: 'http://127.0.0.1:14000/graphql',
    token: newToken(),
    gateway: 'http://127.0.0.1:8080',
    kubeconfig: '/home/ada/clops/.clops/kubeconfig',
    tokenFile: '/home/ada/clops/.clops/token',
    logs: '/home/ada/clops/.clops/logs',
    tookMs: 3_210,
    tries: [{ what: 'Follow the canary:', command: 'npx clops rollouts watch vad' }],
  };
  const lines = stripVTControlCharacters(startTable(facts)).split('\n');
  expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(80);
  expect(lines).toContain(` ${facts.graphql}#token=${facts.token}`);
  expect(lines).toContain(' npx clops rollouts watch vad');
  expect(lines).toContain(' Kubeconfig  /home/ada/clops/.clops/kubeconfig');
  expect(startTable({ ...facts, gateway: undefined })).not.toContain('Gateway');
  expect(startTable({ ...facts, token: undefined })).not.toContain('clops_');
});
