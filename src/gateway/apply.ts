// Puts another configuration in force: the heart first, which is the one step that can fail, then
// the gateway, then whoever reads the live configuration. Until the heart has it nobody else has
// changed, and what the heart grants meanwhile the gateway expects already.
import type { LiveConfig } from '../config/live.ts';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import type { RunProviders } from '../sessions/run-provider.ts';
import type { Gateway } from './gateway.ts';
import { admissionOf, gatewayRules } from './rules.ts';

export interface ApplyParts {
  readonly config: LiveConfig;
  readonly scheduler: Pick<Scheduler, 'configure'>;
  readonly gateway: Pick<Gateway, 'expect' | 'configure'>;
  readonly runs: RunProviders;
  readonly logger: Logger;
}

/** Rejects with `store_unavailable`; nothing has changed then. */
export async function applyConfig(next: Config, parts: ApplyParts): Promise<void> {
  const { config, scheduler, gateway, runs, logger } = parts;
  const rules = await gatewayRules(next, { runs, logger });
  gateway.expect(rules.accounts);
  await scheduler.configure(next.accounts, admissionOf(next));
  gateway.configure(rules);
  config.replace(next);
}
