// The values that metric labels may take: what the configuration names, and `other`. A caller can
// send any model or path, but never make a new series.
import type { Config } from '../config/schema.ts';
import { remade } from '../core/remade.ts';

const OTHER = 'other';

export interface Labels {
  pool(pool: string): string;
  /** A model alias that callers use. */
  route(alias: string | undefined): string;
}

export function createLabels(config: Pick<Config, 'accounts' | 'routes'>): Labels {
  const pools = remade(
    () => config.accounts,
    (accounts) => new Set(accounts.map((account) => account.pool)),
  );
  return {
    pool: (pool) => (pools().has(pool) ? pool : OTHER),
    route: (alias) => (alias !== undefined && config.routes.has(alias) ? alias : OTHER),
  };
}

/** `2xx` to `5xx`; 499 stands alone, because the caller left and nobody failed. */
export function statusClass(status: number): string {
  if (status === 499) return '499';
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : OTHER;
}
