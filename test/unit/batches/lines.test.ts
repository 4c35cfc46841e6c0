// Lines out of bytes, wherever these are cut; and their bounds, as soon as they show.
import { describe, expect, it } from 'vitest';
import { LineMeter, linesOf, type Line } from '../../../src/batches/lines.ts';

const TEXT = '{"a":1}\r\n\n  {"b":"ü"}\n{"c":3}';

async function* cut(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

describe('lines', () => {
  it.each([1, 2, 3, 7, 1000])('are the same when pieces have %i bytes', async (size) => {
    const lines: Line[] = [];

    for await (const line of linesOf(cut(TEXT, size))) lines.push(line);

    expect(lines).toEqual([
      { number: 1, text: '{"a":1}' },
      { number: 3, text: '{"b":"ü"}' },
      { number: 4, text: '{"c":3}' },
    ]);
  });
});

describe('the meter', () => {
  it('counts lines that have begun', () => {
    const meter = new LineMeter({ maxLines: 10, maxLineBytes: 10 });

    const faults = ['ab', 'c\nde', 'f\n\ng'].map((text) => meter.take(Buffer.from(text)));

    expect(faults).toEqual([undefined, undefined, undefined]);
    expect(meter.lines).toBe(4);
  });

  it('names the line that is too long before its end has come', () => {
    const meter = new LineMeter({ maxLines: 10, maxLineBytes: 10 });
    meter.take(Buffer.from('ab\n12345678'));

    const fault = meter.take(Buffer.from('901'));

    expect(fault).toEqual({ kind: 'too_long', line: 2 });
  });

  it('refuses one line more than there may be, but not a break at the end', () => {
    const meter = new LineMeter({ maxLines: 2, maxLineBytes: 10 });

    expect(meter.take(Buffer.from('a\nb\n'))).toBeUndefined();
    expect(meter.take(Buffer.from('c'))).toEqual({ kind: 'too_many', line: 3 });
  });
});
