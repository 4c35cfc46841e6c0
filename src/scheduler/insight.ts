// What an operator may ask of a cell: why a request would be decided so, what is spent, what budgets
// hold. All of it is read from the store; nothing changes.
import { cellKeys } from '../redis/keys.ts';
import { readBudgets, readRunSpend, readSpend } from './budgets.ts';
import type { BudgetView, RunSpend, SpendRow } from './budgets.ts';
import { explain } from './explain.ts';
import type { ExplainRequest, Explanation } from './explain.ts';
import { readHealthReport } from './health.ts';
import type { HealthReport } from './health.ts';
import type { InspectSource } from './inspect.ts';

export interface Insight {
  explain(request: ExplainRequest): Promise<Explanation>;
  budgets(): Promise<readonly BudgetView[]>;
  spend(): Promise<readonly SpendRow[]>;
  /** Accounts with which something is wrong, and the last changes. */
  health(options: { readonly most: number }): Promise<HealthReport>;
  runs(options: {
    readonly most: number;
    readonly tenant?: string | undefined;
  }): Promise<readonly RunSpend[]>;
}

export function insightInto({ redis, cell, keyStyle }: InspectSource): Insight {
  const source = { redis, keys: cellKeys(cell, keyStyle) };
  return {
    explain: (request) => explain(source, request),
    budgets: () => readBudgets(source),
    spend: () => readSpend(source),
    health: (options) => readHealthReport(source, options),
    runs: (options) => readRunSpend(source, options),
  };
}
