// What the simulator reads out of a request, and what it decides to say.
import { expect, test } from 'vitest';
import { behaviourPatch, DEFAULT_BEHAVIOUR, patched } from '../../src/sim/behaviour.ts';
import { callOf, readAsked, type Asked } from '../../src/sim/call.ts';

function asked(body: unknown): Asked {
  const read = readAsked(Buffer.from(JSON.stringify(body)), 'application/json');
  if (read === undefined) throw new Error('unreadable');
  return read;
}

function said(body: unknown, behaviour: object = {}) {
  return callOf(asked(body), {
    serial: 1,
    behaviour: patched(DEFAULT_BEHAVIOUR, behaviourPatch.parse(behaviour)),
    model: 'm',
    bodyBytes: 41,
  });
}

test.each([
  [{ messages: [{ content: 'first' }, { content: 'last' }] }],
  [{ messages: [{ content: [{ type: 'text', text: 'last' }] }] }],
  [{ input: 'last' }],
  [{ input: ['first', 'last'] }],
  [{ input: [{ role: 'user', content: [{ type: 'input_text', text: 'last' }] }] }],
  [{ prompt: 'last' }],
])('the last text of %j is found', (body) => {
  expect(asked(body).text).toBe('last');
});

test.each(['', '[]', 'null', '{', '"text"'])('the body %j is not readable', (body) => {
  expect(readAsked(Buffer.from(body), 'application/json')).toBeUndefined();
});

test('the plain fields of a form are read and its files are not', () => {
  const form =
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\x00\x01\r\n' +
    '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-é\r\n--b--\r\n';

  const read = readAsked(Buffer.from(form), 'multipart/form-data; boundary=b');

  expect(read?.model).toBe('whisper-é');
  expect(Object.keys(read?.fields ?? {})).toEqual(['model']);
});

test('an answer has as many pieces as tokens were asked for', () => {
  const call = said({}, { tokens: 20 });

  expect(call.pieces).toHaveLength(20);
  expect(call.truncated).toBe(false);
  expect(call.promptTokens).toBe(11);
});

test.each(['max_tokens', 'max_completion_tokens', 'max_output_tokens'])(
  'the request’s own %s cuts the answer',
  (field) => {
    const call = said({ [field]: 3 }, { tokens: 20 });

    expect(call.pieces).toHaveLength(3);
    expect(call.truncated).toBe(true);
  },
);

test('an echo says the last message again, to the letter', () => {
  const text = '  Two words,\nand a line \u{1F511} ';

  const call = said({ messages: [{ content: text }] }, { reply: 'echo' });

  expect(call.pieces.join('')).toBe(text);
  expect(call.pieces.length).toBeGreaterThan(3);
});

test('usage is streamed when it was asked for or always', () => {
  expect(said({}).streamUsage).toBe(false);
  expect(said({ stream_options: { include_usage: true } }).streamUsage).toBe(true);
  expect(said({}, { streamUsage: 'always' }).streamUsage).toBe(true);
});
