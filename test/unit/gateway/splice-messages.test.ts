// Where a history goes in the text of a request, and that nothing else of the text changes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spliceMessages } from '../../../src/gateway/splice-messages.ts';
import { answerText } from '../../../src/gateway/turn-answer.ts';

const user = { role: 'user', content: 'new' };
const system = { role: 'system', content: 'be kind' };
const old = [{ role: 'user', content: 'old' }];

function spliced(messages: readonly unknown[], added: readonly unknown[] = old): unknown {
  const text = JSON.stringify({ model: 'm', messages, seed: 1 });
  return (JSON.parse(spliceMessages(text, messages, added)) as { messages: unknown }).messages;
}

describe('a history', () => {
  it('goes before what is said, and behind leading instructions', () => {
    expect(spliced([user])).toEqual([...old, user]);
    expect(spliced([system, user])).toEqual([system, ...old, user]);
    expect(spliced([user, system])).toEqual([...old, user, system]);
    expect(spliced([system])).toEqual([system, ...old]);
    expect(spliced([])).toEqual(old);
  });

  it('leaves the rest of the text as it is', () => {
    const text =
      '{ "a":[{"messages":[1]}], "messages" : [ {"content":"],\\"["} ,\n2 ],"seed":1e400}';

    const whole = spliceMessages(text, [{ content: '],"[' }, 2], old);

    expect(whole).toBe(text.replace('[ {"c', '[ {"role":"user","content":"old"},{"c'));
  });

  it('is put in at the right place whatever is in the messages', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.jsonValue(), (messages, other) => {
        const text = JSON.stringify({ other, messages, last: other });

        const whole = JSON.parse(spliceMessages(text, messages, old)) as { messages: unknown[] };

        expect(whole).toEqual({ ...(JSON.parse(text) as object), messages: whole.messages });
        expect(whole.messages).toHaveLength(messages.length + 1);
        const place = whole.messages.findIndex(
          (one) => JSON.stringify(one) === JSON.stringify(old[0]),
        );
        expect(whole.messages.toSpliced(place, 1)).toEqual(JSON.parse(JSON.stringify(messages)));
      }),
    );
  });

  it('is refused for a request without messages', () => {
    expect(() => spliceMessages('{"prompt":"x"}', [], old)).toThrow(/messages/);
    expect(() => spliceMessages('{"mess\\u0061ges":[1]}', [1], old)).toThrow(/messages/);
  });
});

describe('the text of an answer', () => {
  it('is that of its first choice, whole or as events', () => {
    const whole = {
      choices: [{ message: { content: 'Hello.' } }, { message: { content: 'Hi.' } }],
    };
    const events = ['Hel', 'lo.'].map((content) => {
      const choices = [
        { index: 1, delta: { content: 'Hi.' } },
        { index: 0, delta: { content } },
      ];
      return `data: ${JSON.stringify({ choices })}\n\n`;
    });

    expect(answerText(JSON.stringify(whole))).toBe('Hello.');
    expect(answerText(`${events.join('')}data: [DONE]\n\n`)).toBe('Hello.');
    expect(answerText('{"choices":[{"message":{"content":null}}]}')).toBe('');
    expect(answerText('nothing')).toBe('');
  });
});
