// The configuration in force, for whoever lives longer than one configuration: each property is the
// present one's. What is read at a request is therefore current, and what is made of it once is
// remade (core/remade.ts). A request that runs keeps the objects that it has read.
import type { Config } from './schema.ts';

export class LiveConfig implements Config {
  #current: Config;
  readonly #listeners: ((next: Config) => void)[] = [];

  constructor(first: Config) {
    this.#current = first;
  }

  /** The frozen configuration itself. */
  get current(): Config {
    return this.#current;
  }

  /** From here on every reader sees `next`, and every listener has been told. */
  replace(next: Config): void {
    this.#current = next;
    for (const tell of this.#listeners) tell(next);
  }

  /** For what cannot read at every use. Listeners must not throw. */
  onReplaced(listener: (next: Config) => void): void {
    this.#listeners.push(listener);
  }

  get server() {
    return this.#current.server;
  }

  get redis() {
    return this.#current.redis;
  }

  get scheduler() {
    return this.#current.scheduler;
  }

  get leader() {
    return this.#current.leader;
  }

  get log() {
    return this.#current.log;
  }

  get accounts() {
    return this.#current.accounts;
  }

  get routes() {
    return this.#current.routes;
  }

  get failover() {
    return this.#current.failover;
  }

  get rollouts() {
    return this.#current.rollouts;
  }

  get budget() {
    return this.#current.budget;
  }

  get prices() {
    return this.#current.prices;
  }

  get estimates() {
    return this.#current.estimates;
  }

  get runs() {
    return this.#current.runs;
  }

  get costsim() {
    return this.#current.costsim;
  }

  get sessions() {
    return this.#current.sessions;
  }

  get journal() {
    return this.#current.journal;
  }

  get tenants() {
    return this.#current.tenants;
  }

  get admin() {
    return this.#current.admin;
  }

  get alerts() {
    return this.#current.alerts;
  }

  get deferral() {
    return this.#current.deferral;
  }

  get files() {
    return this.#current.files;
  }

  get batches() {
    return this.#current.batches;
  }

  get local() {
    return this.#current.local;
  }

  get demo() {
    return this.#current.demo;
  }
}
