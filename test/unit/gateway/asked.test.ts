// What is read from a body, and that the bytes which are forwarded say the same.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/core/errors.ts';
import { readAsked } from '../../../src/gateway/asked.ts';
import { ENDPOINTS } from '../../../src/gateway/endpoints.ts';

const CHAT = ENDPOINTS.get('/chat/completions')!;
const TRANSCRIPTIONS = ENDPOINTS.get('/audio/transcriptions')!;
const IMAGE_EDITS = ENDPOINTS.get('/images/edits')!;
const MODERATIONS = ENDPOINTS.get('/moderations')!;

function askJson(text: string | Buffer, endpoint = CHAT) {
  return readAsked(Buffer.from(text), 'application/json', endpoint);
}

function refusalOf(act: () => unknown): Partial<AppError> {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, param: error.param };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a JSON body', () => {
  it('is forwarded byte for byte when the upstream calls the model the same', () => {
    const body = Buffer.from(' { "model" : "gpt-4", "seed": 9007199254740993, "x": 1.0 }\n');

    const asked = readAsked(body, 'application/json', CHAT);

    expect(asked.model).toBe('gpt-4');
    expect(asked.bodyFor('gpt-4')).toBe(body);
  });

  it('keeps every other byte when the model is renamed', () => {
    const asked = askJson('{"seed":9007199254740993,"a":{"model":"no"},"model": "deep" ,"x":1e2}');

    const body = asked.bodyFor('gpt-"4"').toString();

    expect(body).toBe(
      '{"seed":9007199254740993,"a":{"model":"no"},"model": "gpt-\\"4\\"" ,"x":1e2}',
    );
  });

  it('gets the model that the contract assumes, when it names none', () => {
    const asked = askJson('{"input":"text"}', MODERATIONS);

    expect(asked.model).toBe('omni-moderation-latest');
    expect(JSON.parse(asked.bodyFor('moderator').toString())).toEqual({
      model: 'moderator',
      input: 'text',
    });
    expect(askJson('{}', MODERATIONS).bodyFor('m').toString()).toBe('{"model":"m"}');
  });

  it('is renamed so that its parse differs in the model alone, whatever it holds', () => {
    const anyObject = fc.dictionary(
      fc.string({ unit: 'binary' }).filter((key) => !/^\W*(?:model|stream|n)\W*$/i.test(key)),
      fc.jsonValue(),
    );

    fc.assert(
      fc.property(anyObject, fc.string(), fc.nat(), (fields, name, spaces) => {
        const given: object = { ...fields, model: 'deep', 'z"\\': '"model":"x"' };
        const body = Buffer.from(JSON.stringify(given, null, spaces % 3));

        const asked = readAsked(body, 'application/json', CHAT);
        const sent: unknown = JSON.parse(asked.bodyFor(name).toString());

        expect(asked.model).toBe('deep');
        expect(sent).toEqual(JSON.parse(JSON.stringify({ ...given, model: name })));
      }),
    );
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"model":"gpt-4"'],
    ['an array', '[{"model":"gpt-4"}]'],
    ['a string', '"gpt-4"'],
    ['null', 'null'],
    ['not UTF-8', Buffer.from('{"model":"gpt-4\xff"}', 'latin1')],
    ['with a byte order mark', '\ufeff{"model":"gpt-4"}'],
  ])('is refused when it is %s', (_what, body) => {
    expect(refusalOf(() => askJson(body)).code).toBe('invalid_request');
  });

  it.each([100_000, 5_000_000])('is refused when it is %i levels deep', (depth) => {
    const bodies = [
      '['.repeat(depth),
      `{"model":"gpt-4","x":${'['.repeat(depth)}${']'.repeat(depth)}}`,
      `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
    ];

    const codes = bodies.map((body) => refusalOf(() => askJson(body)).code);

    expect(codes).toEqual(['invalid_params', 'invalid_params', 'invalid_params']);
  });

  it.each([
    ['missing', '{"messages":[]}'],
    ['empty', '{"model":""}'],
    ['null', '{"model":null}'],
    ['a number', '{"model":4}'],
    ['an object', '{"model":{"a":"gpt-4"}}'],
    ['spelled with an escape', '{"mod\\u0065l":"gpt-4"}'],
  ])('is refused when its model is %s', (_what, body) => {
    expect(refusalOf(() => askJson(body))).toEqual({ code: 'invalid_params', param: 'model' });
  });

  it.each([
    '{"model":"cheap","model":"dear"}',
    '{"model":"cheap","mod\\u0065l":"dear"}',
    '{"model":"cheap","max_tokens":1,"max_tokens":100000}',
    '{"model":"cheap","__proto__":{},"__proto__":{}}',
  ])('is refused when a field is given twice: %s', (body) => {
    expect(refusalOf(() => askJson(body)).code).toBe('invalid_params');
  });

  it.each(['Model', 'MODEL', 'mOdel', 'STREAM', '\u017ftream', 'Max_Tokens', 'N', ' model'])(
    'is refused when a field that decides has a second spelling: %s',
    (name) => {
      const body = JSON.stringify({ model: 'gpt-4', [name]: 'dear' });

      expect(refusalOf(() => askJson(body))).toEqual({ code: 'invalid_params', param: name });
    },
  );

  it.each(['api_base', 'base_url', 'baseURL', 'api_key', 'apiKey', 'headers', 'extra_headers'])(
    'is refused when it would move the destination by %s',
    (name) => {
      const body = JSON.stringify({ model: 'gpt-4', [name]: 'http://169.254.169.254/' });

      expect(refusalOf(() => askJson(body))).toEqual({ code: 'invalid_params', param: name });
    },
  );

  it.each([
    ['max_tokens', '1e308'],
    ['max_tokens', '-1'],
    ['max_tokens', '1.5'],
    ['max_tokens', '"many"'],
    ['max_tokens', '[]'],
    ['max_completion_tokens', '1e400'],
    ['max_output_tokens', '99999999999'],
    ['n', '1e9'],
    ['n', '129'],
    ['best_of', '-3'],
  ])('is refused when %s is %s', (name, value) => {
    const body = `{"model":"gpt-4","${name}":${value}}`;

    expect(refusalOf(() => askJson(body))).toEqual({ code: 'invalid_params', param: name });
  });

  it('may leave numbers out or null, and may use words that look like ours further in', () => {
    const body = JSON.stringify({
      model: 'gpt-4',
      max_tokens: null,
      n: 128,
      tools: [{ type: 'mcp', server_url: 'https://a.example', headers: { a: 'b' } }],
      metadata: { Model: 'x', api_key: 'y' },
    });

    expect(askJson(body).model).toBe('gpt-4');
  });

  it('pollutes nothing', () => {
    const body = '{"model":"gpt-4","__proto__":{"polluted":1},"constructor":{"prototype":{"p":1}}}';

    const asked = askJson(body);

    expect(asked.bodyFor('gpt-4').toString()).toBe(body);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(({} as Record<string, unknown>)['p']).toBeUndefined();
  });
});

const BOUNDARY = 'xYzZy';
const FORM = `multipart/form-data; boundary=${BOUNDARY}`;

/** `lines` of one part, joined as a form with further parts. */
function form(...parts: readonly string[]): Buffer {
  const body = parts.map((part) => `--${BOUNDARY}\r\n${part}\r\n`).join('');
  return Buffer.from(`${body}--${BOUNDARY}--\r\n`, 'latin1');
}

const field = (name: string, value: string) =>
  `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`;
const FILE =
  'Content-Disposition: form-data; name="file"; filename="a\\"b.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n\xff\xfb\r\n--xYzZ\r\n\r\n';

function askForm(body: Buffer, contentType = FORM, endpoint = TRANSCRIPTIONS) {
  return readAsked(body, contentType, endpoint);
}

describe('a form', () => {
  it('is forwarded byte for byte when the upstream calls the model the same', () => {
    const body = form(FILE, field('model', 'whisper-1'), field('language', 'en'));

    const asked = askForm(body);

    expect(asked.model).toBe('whisper-1');
    expect(asked.contentType).toBe(FORM);
    expect(asked.bodyFor('whisper-1')).toBe(body);
  });

  it('keeps every other byte when the model is renamed', () => {
    const asked = askForm(form(FILE, field('model', 'whisper-1'), field('language', 'en')));

    const sent = asked.bodyFor('large');

    expect(sent).toEqual(form(FILE, field('model', 'large'), field('language', 'en')));
  });

  it('gets the model that the contract assumes, when it names none', () => {
    const asked = askForm(form(field('prompt', 'a cat')), FORM, IMAGE_EDITS);

    const sent = asked.bodyFor('painter');

    expect(asked.model).toBe('dall-e-2');
    expect(sent).toEqual(form(field('model', 'painter'), field('prompt', 'a cat')));
  });

  it('is read as clients write it', async () => {
    const data = new FormData();
    data.set(
      'file',
      new File([new Uint8Array([0, 13, 10, 255])], 'naïve "a".wav'),
      'naïve "a".wav',
    );
    data.set('model', 'whisper-1');
    const request = new Request('http://localhost', { method: 'POST', body: data });

    const body = Buffer.from(await request.arrayBuffer());
    const asked = askForm(body, request.headers.get('content-type') ?? '');

    expect(asked.model).toBe('whisper-1');
  });

  it.each([
    ['no boundary', form(field('model', 'm')), 'multipart/form-data'],
    ['another boundary', form(field('model', 'm')), 'multipart/form-data; boundary=other'],
    ['two boundaries', form(field('model', 'm')), `${FORM}; boundary=other`],
    ['another kind', form(field('model', 'm')), `multipart/mixed; boundary=${BOUNDARY}`],
    ['bytes before it', Buffer.concat([Buffer.from('x\r\n'), form(field('model', 'm'))]), FORM],
    ['bytes after it', Buffer.concat([form(field('model', 'm')), Buffer.from('x')]), FORM],
    ['no end', form(field('model', 'm')).subarray(0, -6), FORM],
    ['bare line feeds', form(field('model', 'm').replaceAll('\r\n', '\n')), FORM],
    ['a folded header', form(`Content-Disposition: form-data;\r\n name="model"\r\n\r\nm`), FORM],
    ['a name without quotes', form('Content-Disposition: form-data; name=model\r\n\r\nm'), FORM],
    ['two names', form('Content-Disposition: form-data; name="a"; name="model"\r\n\r\nm'), FORM],
    [
      'an encoded part',
      form(`Content-Transfer-Encoding: base64\r\n${field('model', 'bQ==')}`),
      FORM,
    ],
    ['a boundary with a tail', form(`${field('a', 'b')}\r\n--${BOUNDARY}x`), FORM],
    ['a part without a name', form('Content-Type: text/plain\r\n\r\nm'), FORM],
  ])('is refused when it has %s', (_what, body, contentType) => {
    expect(refusalOf(() => askForm(body, contentType)).code).toBe('invalid_request');
  });

  it.each([
    ['two models', [field('model', 'a'), field('model', 'b')]],
    ['a model as a file', [field('model"; filename="a', 'b')]],
    ['a model in another case', [field('model', 'a'), field('Model', 'b')]],
    ['a list of models', [field('model', 'a'), field('model[]', 'b')]],
    ['no model', [FILE]],
    ['a base URL', [field('model', 'a'), field('base_url', 'http://evil')]],
    ['too many choices', [field('model', 'a'), field('n', '1e9')]],
  ])('is refused when it has %s', (_what, parts) => {
    expect(refusalOf(() => askForm(form(...parts))).code).toBe('invalid_params');
  });

  it('is refused where the API takes none', () => {
    const body = form(field('model', 'gpt-4'));

    expect(refusalOf(() => askForm(body, FORM, CHAT)).code).toBe('unsupported_media_type');
  });
});
