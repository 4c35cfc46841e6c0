// How deep a text of JSON goes: brackets in strings do not count, escaped quotes do not end them.
import { expect, it } from 'vitest';
import { isTooDeep } from '../../../src/core/nesting.ts';

it.each([
  ['{"a":[1]}', false],
  ['{"a":[[1]]}', true],
  ['[[],[],{"a":"[[["}]', false],
  ['["\\"[[[", "\\\\"]', false],
  ['["\\\\", [[0]]]', true],
  [']]][', false],
])('%s is deeper than two levels: %s', (text, isDeeper) => {
  const seen = isTooDeep(text, 2);

  expect(seen).toBe(isDeeper);
});
