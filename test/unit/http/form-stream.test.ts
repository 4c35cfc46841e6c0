// Forms from a stream: the same whatever the pieces, and refused where two readers could differ.
import { describe, expect, it } from 'vitest';
import { formFields } from '../../../src/http/form-stream.ts';

const TYPE = 'multipart/form-data; boundary=mark';
const PURPOSE = 'content-disposition: form-data; name="purpose"\r\n\r\nbatch';
const FILE =
  'content-disposition: form-data; name="file"; filename="a.jsonl"\r\n' +
  'content-type: application/octet-stream\r\n\r\n{"a":1}\r\n--mar\n{"b":2}\n';
const FORM = `--mark\r\n${PURPOSE}\r\n--mark\r\n${FILE}\r\n--mark--\r\n`;

async function read(text: string, size: number) {
  async function* pieces() {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) {
      await Promise.resolve();
      yield bytes.subarray(at, at + size);
    }
  }
  const fields: Record<string, unknown>[] = [];
  for await (const field of formFields(pieces(), TYPE)) {
    const parts: Buffer[] = [];
    for await (const piece of field.pieces) parts.push(piece);
    const { name, isFile, fileName } = field;
    fields.push({ name, isFile, fileName, text: Buffer.concat(parts).toString() });
  }
  return fields;
}

describe('a form', () => {
  it.each([1, 2, 5, 17, 10_000])('is the same when it comes %i bytes at a time', async (size) => {
    expect(await read(FORM, size)).toEqual([
      { name: 'purpose', isFile: false, fileName: undefined, text: 'batch' },
      { name: 'file', isFile: true, fileName: 'a.jsonl', text: '{"a":1}\r\n--mar\n{"b":2}\n' },
    ]);
  });

  it('whose fields nobody reads is passed over', async () => {
    async function* once() {
      await Promise.resolve();
      yield Buffer.from(FORM);
    }
    const names: string[] = [];

    for await (const { name } of formFields(once(), TYPE)) names.push(name);

    expect(names).toEqual(['purpose', 'file']);
  });

  it.each([
    ['that breaks off', FORM.slice(0, -10)],
    ['without its first boundary', FORM.slice(3)],
    ['with something behind its end', `${FORM}more`],
    ['with a boundary that goes on', FORM.replace('--mark\r\ncontent-d', '--marker\r\ncontent-d')],
    ['whose part has no name', FORM.replace('; name="purpose"', '')],
    ['whose part has a strange header', FORM.replace('content-type', 'x-other')],
  ])('%s is refused', async (_, text) => {
    for (const size of [3, 10_000]) {
      await expect(read(text, size)).rejects.toMatchObject({ code: 'invalid_request' });
    }
  });
});
