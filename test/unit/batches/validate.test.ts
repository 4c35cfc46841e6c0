// What is wrong with a line, in the words that OpenAI has for it, and at which line it stands.
import { describe, expect, it } from 'vitest';
import { linesOf } from '../../../src/batches/lines.ts';
import { batchLines, validateLines, type LineRules } from '../../../src/batches/validate.ts';

const RULES: LineRules = { endpoint: '/v1/chat/completions', maxLines: 5, maxBodyBytes: 200 };

async function* bytes(text: string): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(text);
}

const aLine = (over: Readonly<Record<string, unknown>> = {}) =>
  JSON.stringify({
    custom_id: 'a',
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'deep', messages: [] },
    ...over,
  });

/** So many levels, the body's own included. */
const aDeepLine = (levels: number) =>
  aLine({ body: { model: 'deep', messages: 0 } }).replace(
    '"messages":0',
    `"messages":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}`,
  );

const validate = (...lines: readonly string[]) =>
  validateLines(linesOf(bytes(lines.join('\n'))), RULES);

describe('lines of a batch', () => {
  it('that are right are counted, blank ones not', async () => {
    const result = await validate(aLine(), '', aLine({ custom_id: 'b' }), '');

    expect(result).toEqual({ total: 2, errors: [] });
  });

  it.each([
    ['no JSON', '{"custom_id":', 'invalid_json_line', null],
    ['no object', '[]', 'invalid_json_line', null],
    ['no custom_id', aLine({ custom_id: undefined }), 'missing_required_parameter', 'custom_id'],
    ['a number as custom_id', aLine({ custom_id: 1 }), 'invalid_value', 'custom_id'],
    ['an endless custom_id', aLine({ custom_id: 'x'.repeat(513) }), 'invalid_value', 'custom_id'],
    ['another method', aLine({ method: 'GET' }), 'invalid_method', 'method'],
    ['another url', aLine({ url: '/v1/embeddings' }), 'mismatched_url', 'url'],
    ['no body', aLine({ body: undefined }), 'missing_required_parameter', 'body'],
    ['a text as body', aLine({ body: 'x' }), 'invalid_body', 'body'],
    ['no model', aLine({ body: { messages: [] } }), 'invalid_body', 'body'],
    ['a stream', aLine({ body: { model: 'deep', stream: true } }), 'invalid_body', 'body'],
    ['a deep body', aDeepLine(100_000), 'invalid_body', 'body'],
    ['a body that is a little too deep', aDeepLine(201), 'invalid_body', 'body'],
    ['a large body', aLine({ body: { model: 'm', x: 'x'.repeat(200) } }), 'body_too_large', 'body'],
  ])('%s is told with its line', async (_, text, code, param) => {
    const { errors } = await validate(aLine({ custom_id: 'z' }), '', text);

    expect(errors).toEqual([{ code, param, line: 3, message: expect.any(String) as string }]);
  });

  it('with the id of another one are told', async () => {
    const { errors } = await validate(aLine(), aLine({ custom_id: 'b' }), aLine());

    expect(errors).toMatchObject([{ code: 'duplicate_custom_id', line: 3, param: 'custom_id' }]);
  });

  it('may be none, or too many', async () => {
    const none = await validate(' ');
    const many = await validate(
      ...Array.from({ length: 6 }, (_, i) => aLine({ custom_id: `${i}` })),
    );

    expect(none.errors).toMatchObject([{ code: 'empty_file', line: null }]);
    expect(many.errors).toMatchObject([{ code: 'too_many_requests', line: null }]);
  });

  it('are told a hundred faults of at most', async () => {
    const { errors, total } = await validate(...Array.from({ length: 300 }, () => 'x'));

    expect(total).toBe(300);
    expect(errors).toHaveLength(101);
  });

  it('become requests from any place on, their bodies as they were', async () => {
    const body = { model: 'deep', messages: [], seed: 1e21, __proto__x: null };
    const text = [aLine(), '', aLine({ custom_id: 'b', body })].join('\n');
    const read = [];

    for await (const line of batchLines(linesOf(bytes(text)), RULES, 1)) read.push(line);

    expect(read).toEqual([{ place: 1, customId: 'b', model: 'deep', body: JSON.stringify(body) }]);
  });
});
