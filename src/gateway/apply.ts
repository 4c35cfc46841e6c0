// Puts another configuration in force: the heart first, which is the one step that can fail, then
// the gateway, then whoever reads the live configuration. Until the heart has it nobody else has
// changed, and what the heart grants meanwhile the gateway expects already.
import type { LiveConfig } from '../config/live.ts';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../log/logger.ts';
import type { RunProviders } from '../sessions/run-provider.ts';
import type { EstimatorParts } from './estimating.ts';
import type { Gateway } from './gateway.ts';
import type { Registration } from './registration.ts';
import { gatewayRules } from './rules.ts';

export interface ApplyParts {
  readonly config: LiveConfig;
  readonly registration: Pick<Registration, 'configure'>;
  readonly gateway: Pick<Gateway, 'expect' | 'configure'>;
  readonly runs: RunProviders;
  readonly estimators?: EstimatorParts | undefined;
  readonly logger: Logger;
}

/** Rejects with `store_unavailable`; nothing has changed then. */
export async function applyConfig(next: Config, parts: ApplyParts): Promise<void> {
  const { config, registration, gateway } = parts;
  const rules = await gatewayRules(next, parts);
  gateway.expect(rules.accounts);
  await registration.configure(next);
  gateway.configure(rules);
  config.replace(next);
}
