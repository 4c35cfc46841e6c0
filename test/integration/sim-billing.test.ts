// What the simulated upstream bills and how long its answers are, over HTTP.
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulator } from '../../src/sim/server.ts';
import type { SimulatorOptions } from '../../src/sim/options.ts';

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

async function aSimulator(behaviour: SimulatorOptions['behaviour'], seed = 1) {
  const sim = await startSimulator({ seed, ...(behaviour && { behaviour }) });
  onTestFinished(() => sim.stop());
  const ask = async (fields: object = {}, path = '/chat/completions'): Promise<Usage> => {
    const answer = await fetch(`${sim.url}/v1${path}`, {
      method: 'POST',
      body: JSON.stringify({ model: 'gpt-4o', messages: HELLO, ...fields }),
    });
    return ((await answer.json()) as { usage: Usage }).usage;
  };
  return { sim, ask };
}

const HELLO = [{ role: 'user', content: 'Hello there, how are you?' }];
const LONG = { role: 'system', content: 'Leave nothing out, and say it briefly. '.repeat(300) };

describe('the simulated upstream', () => {
  it('bills four bytes a token unless told otherwise', async () => {
    const { ask } = await aSimulator({ tokens: 20 });

    const { prompt_tokens: prompt, completion_tokens: completion } = await ask();

    const bytes = JSON.stringify({ model: 'gpt-4o', messages: HELLO }).length;
    expect([prompt, completion]).toEqual([Math.ceil(bytes / 4), 20]);
  });

  it('bills by a tokenizer', async () => {
    const { ask } = await aSimulator({ bill: 'tokens', reply: 'Fine, thank you.' });

    const usage = await ask();

    expect(usage).toMatchObject({ prompt_tokens: 14, completion_tokens: 5 });
  });

  it.each([
    ['/responses', { input: HELLO }],
    ['/messages', { system: 'Be brief.' }],
    ['/embeddings', { input: ['one', 'two'], messages: undefined }],
  ])('bills requests of other dialects: %s', async (path, fields) => {
    const { ask } = await aSimulator({ bill: 'tokens' });

    const usage = (await ask(fields, path)) as unknown as Readonly<Record<string, number>>;

    const prompt = usage['input_tokens'] ?? usage['prompt_tokens'];
    expect(prompt).toBeGreaterThan(1);
    expect(prompt).toBeLessThan(40);
  });

  it.each(['bytes', 'tokens'] as const)(
    'multiplies what it reports by a factor that may change while it runs: %s',
    async (bill) => {
      const { sim, ask } = await aSimulator({ bill, reply: 'Fine, thank you.' });
      const before = await ask();

      const body = JSON.stringify({ behaviour: { billFactor: 2 } });
      await fetch(`${sim.url}/_sim/configure`, { method: 'POST', body });

      const after = await ask();
      expect(after.prompt_tokens).toBe(2 * before.prompt_tokens);
      expect(after.completion_tokens).toBe(2 * before.completion_tokens);
    },
  );

  it('has a long prefix cached that it has seen before, for the same model', async () => {
    const { ask } = await aSimulator({ bill: 'tokens' });

    const first = await ask({ messages: [LONG, ...HELLO] });
    const again = await ask({ messages: [LONG, { role: 'user', content: 'Another question' }] });
    const other = await ask({ messages: [LONG, ...HELLO], model: 'gpt-4o-mini' });
    const short = await ask();

    const cached = [first, again, other, short].map((one) => one.prompt_tokens_details);
    expect(again.prompt_tokens).toBeGreaterThan(1024);
    expect(cached.map((one) => one.cached_tokens)).toEqual([
      0,
      Math.floor((again.prompt_tokens - 9) / 128) * 128,
      0,
      0,
    ]);
  });

  it('gives answers of natural lengths: the same for the same request, seed and model', async () => {
    const lengths = async (seed: number, model: string): Promise<readonly number[]> => {
      const { ask } = await aSimulator({ lengths: 'natural' }, seed);
      const questions = Array.from({ length: 30 }, (_, i) => `Question ${i}?`);
      const usages = questions.map((content) => ask({ model, messages: [{ content }] }));
      return (await Promise.all(usages)).map((usage) => usage.completion_tokens);
    };

    const [one, same, seeded, other] = await Promise.all([
      lengths(1, 'gpt-4o'),
      lengths(1, 'gpt-4o'),
      lengths(2, 'gpt-4o'),
      lengths(1, 'gpt-4'),
    ]);

    expect(same).toEqual(one);
    expect(seeded).not.toEqual(one);
    expect(new Set(one).size).toBeGreaterThan(20);
    const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);
    expect(Math.abs(sum(one) / sum(other) - 1)).toBeGreaterThan(0.1);
  });
});
