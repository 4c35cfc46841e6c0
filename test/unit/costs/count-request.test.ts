// The tokens of whole requests: frames, tools, images, and what is named as guessed.
import { readFileSync } from 'node:fs';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import gpt4o from 'gpt-tokenizer/model/gpt-4o';
import { describe, expect, it } from 'vitest';
import { TOOLS } from '../../../bench/mix/texts.ts';
import { countRequest } from '../../../src/costs/count-request.ts';
import { imageTokens } from '../../../src/costs/images.ts';

function counted(fields: Readonly<Record<string, unknown>>, isChat = true) {
  return countRequest({ fields, model: 'gpt-4o', isChat, count: (text) => countTokens(text) });
}

const HELLO = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', name: 'anna', content: 'Hello there, how are you?' },
];

describe('a chat', () => {
  it('counts its frames as the vendor does', () => {
    const expected = gpt4o.countChatCompletionTokens!({ messages: HELLO });

    expect(counted({ messages: HELLO })).toEqual({ tokens: expected, outOfScope: [] });
  });

  it('counts its tools as they are told to the model', () => {
    const functions = TOOLS.map((tool) => tool.function) as never[];
    // The frame of a system message in front of tools has one token more or less.
    const expected = gpt4o.countChatCompletionTokens!({ messages: HELLO, functions });

    const { tokens, outOfScope } = counted({ messages: HELLO, tools: TOOLS });

    expect(Math.abs(tokens - expected)).toBeLessThanOrEqual(1);
    expect(outOfScope).toEqual([]);
  });

  it('counts the same of parts as of their text', () => {
    const content = [{ type: 'text', text: 'Hello there, how are you?' }];

    const whole = counted({ messages: [{ role: 'user', content: content[0]!.text }] });

    expect(counted({ messages: [{ role: 'user', content }] })).toEqual(whole);
  });

  it('counts the calls of tools and their results', () => {
    const call = { id: 'c1', type: 'function', function: { name: 'get', arguments: '{"a":1}' } };
    const messages = [
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
    ];

    const { tokens } = counted({ messages });

    expect(tokens).toBeGreaterThan(counted({ messages: [messages[1]] }).tokens + 8);
  });

  it.each([
    [{ properties: null }],
    [{ properties: { a: null } }],
    [{ type: ['object', 'null'], properties: { a: { type: ['string', 'null'] } } }],
    ['no schema'],
  ])('counts tools of any schema: %j', (parameters) => {
    const tool = { type: 'function', function: { name: 'odd', parameters } };

    expect(counted({ messages: HELLO, tools: [tool] }).tokens).toBeGreaterThan(20);
  });

  it.each([
    ['audio', { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }],
    ['files', { type: 'file', file: { file_id: 'file-1' } }],
    ['images', { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }],
    ['other', { type: 'hologram', depth: 3 }],
  ])('names %s as guessed', (name, part) => {
    const { tokens, outOfScope } = counted({ messages: [{ role: 'user', content: [part] }] });

    expect(outOfScope).toEqual([name]);
    expect(tokens).toBeGreaterThan(10);
  });

  it('names tools of the vendor’s own as guessed', () => {
    expect(counted({ messages: HELLO, tools: [{ type: 'web_search' }] }).outOfScope).toEqual([
      'tools',
    ]);
  });
});

describe('other requests', () => {
  it.each([
    ['an embedding', { input: ['one two', 'three'] }, false, 3],
    ['tokens that come as numbers', { input: [1, 2, 3] }, false, 3],
    ['a completion', { prompt: 'one two three' }, false, 3],
    ['a response', { instructions: 'Be brief.', input: 'one two three' }, true, 3 + 3 + 17 - 6],
    ['a message', { system: 'Be brief.', messages: [{ role: 'user', content: 'x' }] }, true, 15],
    ['nothing', {}, false, 0],
  ])('count the texts of %s', (_, fields, isChat, expected) => {
    expect(Math.abs(counted(fields, isChat).tokens - expected)).toBeLessThanOrEqual(2);
  });
});

describe('an image', () => {
  const png = (width: number, height: number): string => {
    const head = Buffer.alloc(24);
    head.writeUInt32BE(0x89504e47, 0);
    head.writeUInt32BE(width, 16);
    head.writeUInt32BE(height, 20);
    return `data:image/png;base64,${head.toString('base64')}`;
  };
  const frame = Buffer.from('ffd8ffe000040000ffc000110802000400', 'hex');

  it.each([
    [png(1024, 1024), undefined, 765],
    [png(2048, 4096), 'high', 1105],
    [png(100, 100), undefined, 255],
    [png(4096, 4096), 'low', 85],
    [`data:image/jpeg;base64,${frame.toString('base64')}`, undefined, 425],
  ])('of a size that the request tells has the tokens of its tiles', (url, detail, tokens) => {
    expect(imageTokens(url, detail, 'gpt-4o')).toEqual({ tokens, isKnown: true });
  });

  it.each(['https://example.com/a.png', png(0, 0), 'data:image/webp;base64,AAAA', undefined])(
    'of an unknown size counts as a square of 1024',
    (url) => {
      expect(imageTokens(url, 'auto', 'gpt-4o')).toEqual({ tokens: 765, isKnown: false });
    },
  );

  it('has other tokens with another model', () => {
    expect(imageTokens(png(512, 512), 'high', 'gpt-4o-mini').tokens).toBe(2833 + 5667);
  });
});

it('the thread alone loads a vocabulary: nothing that a daemon imports does', () => {
  const source = readFileSync(new URL('../../../src/costs/token-counter.ts', import.meta.url));

  expect(source.toString()).not.toMatch(/gpt-tokenizer|^import \{[^}]*\} from '\.\/token-worker/m);
});
