// The metrics of estimating requests: how often an estimate had to do without the tokenizer.
import { Counter, type Registry } from 'prom-client';

export function estimateMetrics(registry: Registry) {
  return {
    tokensGuessed: new Counter({
      name: 'slotkeeper_tokens_guessed_total',
      help: 'Requests whose tokens were guessed: the tokenizer was late, had failed, or was full.',
      labelNames: ['reason'],
      registers: [registry],
    }),
  };
}
