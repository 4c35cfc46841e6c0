// The thread that counts tokens: what it answers, and what happens when it is full, dies or hangs.
import { pathToFileURL } from 'node:url';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hashOfBytes, inputHashOf } from '../../../src/costs/input-hash.ts';
import { TokenCounter, type TokenCounterOptions } from '../../../src/costs/token-counter.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const LIMITS = { tokenizerQueueBytes: 100_000, exactCharacters: 200_000 };

function aCounter(options: Partial<TokenCounterOptions> = {}): TokenCounter {
  const counter = new TokenCounter({ limits: () => LIMITS, ...options });
  onTestFinished(() => counter.stop());
  return counter;
}

async function aProgram(text: string): Promise<URL> {
  const file = join(await temporaryDirectory(), 'thread.mjs');
  await writeFile(file, `import { parentPort } from 'node:worker_threads';\n${text}`);
  return pathToFileURL(file);
}

function chat(fields: object) {
  const body = Buffer.from(JSON.stringify(fields));
  return { body, isJson: true, isChat: true, model: 'gpt-4o' };
}

const HELLO = { model: 'm', messages: [{ role: 'user', content: 'Hello there' }] };

describe('the thread', () => {
  it('counts a request, digests it, and leaves its body to its caller', async () => {
    const counter = aCounter();
    const request = chat({ ...HELLO, stream: true });
    const before = Buffer.from(request.body);

    const counted = await counter.count(request);

    expect(counted).toEqual({
      kind: 'counted',
      tokens: 9,
      outOfScope: [],
      inputHash: inputHashOf(HELLO),
    });
    expect(request.body.equals(before)).toBe(true);
  });

  it('digests a form, and counts nothing of it', async () => {
    const body = Buffer.from('--x\r\n');

    const counted = await aCounter().count({ ...chat({}), body, isJson: false });

    const inputHash = hashOfBytes(body);
    expect(counted).toEqual({
      kind: 'counted',
      tokens: undefined,
      outOfScope: ['form'],
      inputHash,
    });
  });

  it('says of a model whose vocabulary is unknown that its count is not exact', async () => {
    const counted = await aCounter().count({ ...chat(HELLO), model: 'claude-sonnet-4' });

    expect(counted).toMatchObject({ outOfScope: ['tokenizer'] });
  });

  it('takes no more bytes than may wait', async () => {
    const counter = aCounter();
    const content = 'word '.repeat(12_000);
    const large = chat({ messages: [{ role: 'user', content }] });

    const both = [counter.count(large), counter.count(large)];

    expect((await Promise.all(both)).map(({ kind }) => kind)).toEqual(['counted', 'full']);
    expect((await counter.count(chat(HELLO))).kind).toBe('counted');
  });

  it('that dies fails what waits, is told of, and is not started anew at once', async () => {
    const failures: unknown[] = [];
    const program = await aProgram(
      'parentPort.on("message", () => { throw new Error("broken"); });',
    );
    const counter = aCounter({ program, onFailed: (error) => failures.push(error) });

    const first = await Promise.all([counter.count(chat(HELLO)), counter.count(chat(HELLO))]);
    const next = await counter.count(chat(HELLO));

    expect([...first, next]).toEqual(Array.from({ length: 3 }, () => ({ kind: 'failed' })));
    expect(failures).toHaveLength(1);
  });

  it('that cannot be loaded fails what waits', async () => {
    const program = await aProgram('import "./not-there.mjs";');

    expect(await aCounter({ program }).count(chat(HELLO))).toEqual({ kind: 'failed' });
  });

  it('that is stopped fails what waits and what comes', async () => {
    const counter = aCounter({ program: await aProgram('parentPort.on("message", () => {});') });
    const waiting = counter.count(chat(HELLO));

    await counter.stop();

    expect([await waiting, await counter.count(chat(HELLO))]).toEqual([
      { kind: 'failed' },
      { kind: 'failed' },
    ]);
  });
});

describe('the digest of a request', () => {
  it('does not depend on how it is spelled or streamed', () => {
    const one = { model: 'm', stream: true, messages: [{ role: 'user', content: 'ä' }] };
    const other = { messages: [{ content: '\u00e4', role: 'user' }], model: 'm' };

    expect(inputHashOf(one)).toBe(inputHashOf(other));
  });

  it.each([
    [{ messages: [{ role: 'user', content: 'b' }] }],
    [{ messages: ['a', 'b'] }],
    [{ messages: ['b', 'a'] }],
    [{ model: 'n' }],
  ])('differs with what is asked: %j', (fields) => {
    expect(inputHashOf(fields)).not.toBe(inputHashOf({ model: 'm' }));
    expect(inputHashOf({ messages: ['a', 'b'] })).not.toBe(inputHashOf({ messages: ['b', 'a'] }));
  });
});
