// What the heart is told of a configuration: its tenants, budgets and accounts, each account with the
// arm of breaker settings that it is in now. It is told again when operators change percentages.
// One telling at a time, the latest configuration last; nobody else configures the scheduler.
import type { Config } from '../config/schema.ts';
import type { Service } from '../core/service.ts';
import type { Logger } from '../log/logger.ts';
import { accountsInArms } from '../rollout/breaker-arms.ts';
import type { Policies } from '../rollout/policies.ts';
import type { SchedulerAccount } from '../scheduler/plan.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { admissionOf } from './rules.ts';

export interface RegistrationOptions {
  readonly scheduler: Pick<Scheduler, 'configure'>;
  readonly policies: Pick<Policies, 'entries' | 'onChange'>;
  readonly logger: Pick<Logger, 'warn'>;
}

const RETRY_MS = 1000;

export class Registration implements Pick<Service, 'stop'> {
  readonly #options: RegistrationOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** Told last. */
  #config: Config | undefined;
  #accounts: readonly SchedulerAccount[] = [];
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    options.policies.onChange(() => this.#keepUp());
  }

  /** Rejects with `store_unavailable`; what was registered before is in force then. */
  configure(next: Config): Promise<void> {
    return this.#inTurn(() => this.#tell(next));
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    return Promise.resolve();
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #tell(config: Config): Promise<void> {
    const accounts = accountsInArms(config, this.#options.policies.entries);
    await this.#options.scheduler.configure(accounts, admissionOf(config));
    this.#config = config;
    this.#accounts = accounts;
  }

  /** Accounts may be in other arms now. Never rejects. */
  async #keepUp(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      await this.#inTurn(async () => {
        if (this.#config !== undefined && this.#hasMoved(this.#config)) {
          await this.#tell(this.#config);
        }
      });
    } catch (error) {
      if (this.#isStopped) return;
      const what = 'arms of breaker settings are not registered yet; this is tried again';
      this.#options.logger.warn(what, { error });
      this.#retry = setTimeout(() => void this.#keepUp(), RETRY_MS).unref();
    }
  }

  #hasMoved(config: Config): boolean {
    const now = accountsInArms(config, this.#options.policies.entries);
    return now.some(({ breakerArms }, i) => {
      return breakerArms?.arm !== this.#accounts[i]?.breakerArms?.arm;
    });
  }
}
