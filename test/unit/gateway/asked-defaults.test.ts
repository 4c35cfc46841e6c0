// What is put into a body before it is forwarded, and what of it may name a session.
import { describe, expect, it } from 'vitest';
import { ENDPOINTS, type ProxyEndpoint } from '../../../src/gateway/endpoints.ts';
import { readAsked } from '../../../src/gateway/asked.ts';
import { parseForm } from '../../../src/gateway/multipart.ts';

const CHAT = ENDPOINTS.get('/chat/completions')!;
const EDITS = ENDPOINTS.get('/images/edits')!;
const DEFAULTS = { temperature: 0.2, stop: ['a"b'], max_tokens: 9 };

function asJson(text: string, endpoint: ProxyEndpoint = CHAT) {
  return readAsked(Buffer.from(text), 'application/json', endpoint);
}

function aForm(fields: Readonly<Record<string, string>>) {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const body = Buffer.from(`${parts.join('')}--b--\r\n`);
  return readAsked(body, 'multipart/form-data; boundary=b', EDITS);
}

function fieldsOf(body: Buffer): Record<string, string> {
  const { fields } = parseForm(body, 'multipart/form-data; boundary=b');
  return Object.fromEntries(
    fields.map(({ name, start, end }) => [name, body.toString('utf8', start, end)]),
  );
}

describe('the defaults of a target', () => {
  it('stand in the body where the caller left them out, before its own bytes', () => {
    const asked = asJson('{ "model": "m", "seed": 12345678901234567890 }');

    const body = asked.bodyFor('m', DEFAULTS).toString();

    expect(body).toBe(
      '{"temperature":0.2,"stop":["a\\"b"],"max_tokens":9, "model": "m", "seed": 12345678901234567890 }',
    );
    expect(() => JSON.parse(body) as unknown).not.toThrow();
  });

  it('go together with another name of the model', () => {
    const body = asJson('{"seed":1,"model":"m"}').bodyFor('upstream-m', { top_p: 1 });

    expect(body.toString()).toBe('{"top_p":1,"seed":1,"model":"upstream-m"}');
  });

  it('serve a request that names no model', () => {
    const moderation = asJson('{}', ENDPOINTS.get('/moderations'));

    expect(moderation.bodyFor('m', { top_p: 1 }).toString()).toBe('{"top_p":1,"model":"m"}');
  });

  it('leave what the caller said, null too', () => {
    const text = '{"model":"m","temperature":null,"stop":"x","max_completion_tokens":3}';

    expect(asJson(text).bodyFor('m', DEFAULTS).toString()).toBe(text);
  });

  it('are parts of a form', () => {
    const asked = aForm({ model: 'm', size: '1x1' });

    const same = asked.bodyFor('m', { size: '2x2', quality: 'high', n: 2 });
    const renamed = asked.bodyFor('other', { quality: 'high' });

    expect(fieldsOf(same)).toEqual({ model: 'm', size: '1x1', quality: 'high', n: '2' });
    expect(fieldsOf(renamed)).toEqual({ model: 'other', size: '1x1', quality: 'high' });
  });
});

describe('a body', () => {
  it('may name its session in three places', () => {
    const metadata = { session_id: 's', user_id: 'u' };

    const { sessions } = asJson(JSON.stringify({ model: 'm', user: 'x', metadata }));

    expect(sessions).toEqual({ user: 'x', 'metadata.session_id': 's', 'metadata.user_id': 'u' });
  });

  it.each(['{"model":"m","metadata":null}', '{"model":"m","user":7,"metadata":{"user_id":[]}}'])(
    'names none where that is no text: %s',
    (text) => {
      expect(asJson(text).sessions).toEqual({});
    },
  );

  it('tells its size', () => {
    const text = JSON.stringify({ model: 'm', messages: [{ content: 'four' }], max_tokens: 5 });

    expect(asJson(text).size).toMatchObject({ answers: 1, outputLimit: 5, attachments: 0 });
    expect(aForm({ model: 'm', prompt: 'p'.repeat(200) }).size.characters).toBe(201);
  });
});
