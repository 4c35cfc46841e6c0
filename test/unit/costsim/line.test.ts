// A line of JSON as provenance: what is taken, what is refused and with which words, what is kept.
import { describe, expect, it } from 'vitest';
import { differencesOf, fieldsOf, readLine } from '../../../src/costsim/line.ts';
import type { ProvenanceRecord } from '../../../src/core/estimates.ts';
import { aRecord, figures } from '../../support/costsim.ts';
import { aLine, hashOf, NOW_MS } from '../../support/backfill.ts';

function recordOf(text: string): ProvenanceRecord {
  const read = readLine(text, NOW_MS);
  if (read.kind === 'bad') throw new Error(read.reason);
  return read.record;
}

describe('a line', () => {
  it('needs an input hash, a model and the estimate of v1', () => {
    const v1 = { input_tokens: 10, output_tokens: 20 };

    const read = readLine(JSON.stringify({ input_hash: hashOf(1), model: 'gpt-4', v1 }), NOW_MS);

    expect(read).toEqual({
      kind: 'record',
      isTimed: false,
      record: {
        id: hashOf(1),
        source: 'baseline',
        inputHash: hashOf(1),
        tenant: 'default',
        route: 'gpt-4',
        pool: '',
        model: 'gpt-4',
        atMs: NOW_MS,
        versions: {},
        reservedBy: 'v1',
        v1: { inputTokens: 10, outputTokens: 20, cachedInputTokens: 0, costMicro: undefined },
        v2: undefined,
        actual: undefined,
        basis: undefined,
      },
    });
  });

  it.each([
    ['{', 'is not JSON'],
    ['[]', 'expected object'],
    ['null', 'expected object'],
    [aLine(1, { input_hash: 'zz' }), 'input_hash: is not a SHA-256 in hex (64 digits)'],
    [aLine(1, { model: undefined }), 'model: '],
    [aLine(1, { v1: { input_tokens: -1, output_tokens: 1 } }), 'v1.input_tokens: '],
    [aLine(1, { v1: { input_tokens: 1.5, output_tokens: 1 } }), 'v1.input_tokens: '],
    [aLine(1, { v1: { input_tokens: 1 } }), 'v1.output_tokens: '],
    [aLine(1, { v1: undefined }), 'v1: '],
    [aLine(1, { time: 'yesterday' }), 'time: is neither an ISO 8601 time'],
    [aLine(1, { time: '2026-01-01T00:00:00' }), 'time: is neither an ISO 8601 time'],
    [aLine(1, { time: -1 }), 'time: is neither an ISO 8601 time'],
    [aLine(1, { time: 1e300 }), 'time: is neither an ISO 8601 time'],
    [aLine(1, { tenant: 'a b' }), 'tenant: is not a valid name'],
    [aLine(1, { model: 'a\tb' }), 'model: is not a valid name'],
    [aLine(1, { reserved_by: 'v3' }), 'reserved_by: '],
    ['{}', 'input_hash'],
  ])('that is bad is refused with its reason: %s', (text, reason) => {
    const read = readLine(text, NOW_MS);

    expect(read.kind === 'bad' ? read.reason : 'taken').toContain(reason);
  });

  it('keeps nothing that it does not know', () => {
    const record = recordOf(aLine(1, { messages: [{ content: 'a secret' }] }));

    expect(JSON.stringify(record)).not.toContain('secret');
  });

  it('says a time with its zone, or in ms', () => {
    const iso = recordOf(aLine(1, { time: '2026-01-01T01:00:00+01:00' }));
    const ms = recordOf(aLine(1, { time: Date.UTC(2026, 0, 1) }));

    expect([iso.atMs, ms.atMs]).toEqual([Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1)]);
  });
});

describe('a record that is written as a line', () => {
  const basis = { characters: 3, attachments: 1, answers: 2, outputLimit: 5 };
  const full = aRecord({ basis: { ...basis, countedTokens: undefined, outOfScope: ['audio'] } });

  it.each([
    ['a full one', full],
    ['one of v1 alone', aRecord({ v2: undefined, actual: undefined, versions: {} })],
    ['one without prices', aRecord({ v1: figures(undefined) })],
  ])('is read as the same, brought in: %s', (_what, record) => {
    const read = recordOf(JSON.stringify(fieldsOf(record)));

    expect(read).toEqual({ ...record, id: record.inputHash, source: 'baseline' });
    expect(differencesOf(record, read)).toEqual([]);
  });

  it('differs by the paths that say something else', () => {
    const other = { ...full, model: 'gpt-5', v2: undefined, v1: figures(7) };

    const paths = differencesOf(full, other);

    expect(paths).toEqual(
      expect.arrayContaining(['model', 'v1.cost_micro', 'v2.cost_micro', 'v2.input_tokens']),
    );
    expect(paths).not.toContain('actual.cost_micro');
  });
});
