// The metrics of estimating requests: how often an estimate had to do without the tokenizer.
import { Counter, type Registry } from 'prom-client';

const REASONS = ['late', 'failed', 'full'] as const;

export function estimateMetrics(registry: Registry) {
  const tokensGuessed = new Counter({
    name: 'slotkeeper_tokens_guessed_total',
    help: 'Requests whose tokens were guessed: the tokenizer was late, had failed, or was full.',
    labelNames: ['reason'],
    registers: [registry],
  });
  // From 0 on: a rate of the first one would be missed otherwise.
  for (const reason of REASONS) tokensGuessed.inc({ reason }, 0);
  return { tokensGuessed };
}
