// How large a request is: texts count by their characters, whatever they are called.
import { describe, expect, it } from 'vitest';
import { sizeOfFields } from '../../../src/gateway/size.ts';

const sourceOf = (source: object) => ({
  messages: [{ role: 'user', content: [{ type: 'document', source }] }],
});

describe('the size of a request', () => {
  it('counts the text of a document, although it stands under `data`', () => {
    const source = { type: 'text', media_type: 'text/plain', data: 'a'.repeat(2000) };

    const size = sizeOfFields(sourceOf(source), 'messages');

    expect(size.attachments).toBe(0);
    expect(size.characters).toBeGreaterThan(2000);
  });

  it('counts words under `data` as text, whatever their type says', () => {
    const source = { type: 'base64', data: 'these are words, no picture. '.repeat(100) };

    const size = sizeOfFields(sourceOf(source), 'messages');

    expect(size.characters).toBeGreaterThan(2000);
  });

  it('counts a picture as one attachment', () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' };

    const size = sizeOfFields(sourceOf(source), 'messages');

    expect(size.attachments).toBe(1);
    expect(size.characters).toBeLessThan(200);
  });
});
