// What one daemon knows of its cell: the registry of the current generation, the highest pair
// (incarnation, sequence) that it has seen, and which server it talks to. A store that knows less
// has lost writes; the heart then begins a new incarnation (lua/lib/cell.lua).
import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import type { SchedulerEmitter } from '../core/events.ts';
import { OPEN_ADMISSION } from './admission.ts';
import type { AdmissionPolicy } from './admission.ts';
import type { SchedulerAccount } from './plan.ts';
import type { Layout } from './layout.ts';
import type { CellRegistry, CellView } from './registry.ts';
import type { TickReport } from './replies.ts';

export interface CellLinkOptions {
  readonly redis: Redis;
  readonly registry: CellRegistry;
  readonly events: SchedulerEmitter;
  readonly layout: Layout;
  /** Whether another server behind the same address counts as a loss of data. */
  readonly watchServer: boolean;
}

export class CellLink {
  readonly #options: CellLinkOptions;
  #view: CellView | undefined;
  #accounts: readonly SchedulerAccount[] = [];
  #admission = OPEN_ADMISSION;
  #incarnation = 0;
  #sequence = 0;
  #server: Promise<string> | undefined;
  #knownServer: string | undefined;
  #connections = 0;
  readonly #names = new Map<number, string>();
  #refreshing: Promise<void> | undefined;

  constructor(options: CellLinkOptions) {
    this.#options = options;
    if (!options.watchServer) this.#knownServer = '';
    options.redis.on('close', this.#forgetServer);
  }

  get view(): CellView {
    if (this.#view === undefined)
      throw new AppError('internal', 'The scheduler has no accounts yet.');
    return this.#view;
  }

  /** Indexes are never given twice, so a name stays true beyond the registry that had it. */
  accountName(index: number): string | undefined {
    return this.#names.get(index);
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** What server() has found for this connection: whoever has it need not await. */
  get knownServer(): string | undefined {
    return this.#knownServer;
  }

  /** Run id of the server behind the connection; asked once a connection. */
  server(): Promise<string> {
    if (this.#knownServer !== undefined) return Promise.resolve(this.#knownServer);
    this.#server ??= this.#askServer().catch((error: unknown) => {
      this.#server = undefined;
      throw error;
    });
    return this.#server;
  }

  async #askServer(): Promise<string> {
    const asked = this.#connections;
    const info = await this.#options.redis.info('server');
    const server = /^run_id:(\w+)/m.exec(info)?.[1] ?? '';
    // A connection that has closed meanwhile says nothing about the next one's server.
    if (asked === this.#connections) this.#knownServer = server;
    return server;
  }

  readonly #forgetServer = (): void => {
    this.#connections += 1;
    this.#server = undefined;
    if (this.#options.watchServer) this.#knownServer = undefined;
  };

  /**
   * Registers `accounts`, or adopts what has replaced them meanwhile. Where that fails, those of
   * before stay this daemon's own.
   */
  async configure(
    accounts: readonly SchedulerAccount[],
    admission: AdmissionPolicy = this.#admission,
  ): Promise<void> {
    await this.#options.layout.bring();
    const seen = { incarnation: this.#incarnation, server: await this.server() };
    this.#adopt(await this.#options.registry.apply(accounts, seen, admission));
    this.#accounts = accounts;
    this.#admission = admission;
  }

  /** To be asked now and then: days and months to come are told a year ahead. */
  async extendPeriods(): Promise<void> {
    await this.#options.registry.extendPeriods(this.#admission);
  }

  /** Works with what the cell has registered; registers nothing. */
  async join(): Promise<void> {
    await this.#options.layout.bring();
    const view = await this.#options.registry.read();
    if (view.registry.generation > 0) {
      this.#adopt(view);
      return;
    }
    throw new AppError(
      'no_account_for_model',
      'The cell has no accounts: no daemon has ever served it.',
    );
  }

  /** The cell has this layout, which is not ours. Throws `layout_newer`. */
  async bringLayout(layout: number): Promise<void> {
    if (!this.#options.layout.isCurrent(layout)) await this.#options.layout.bring();
  }

  /** The generation has changed, or the cell has vanished; concurrent callers share one look. */
  refresh(why: 'stale' | 'unconfigured'): Promise<void> {
    this.#refreshing ??= this.#refresh(why).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #refresh(why: 'stale' | 'unconfigured'): Promise<void> {
    const view = await this.#options.registry.read();
    if (why === 'unconfigured' || view.registry.generation === 0)
      await this.configure(this.#accounts);
    else this.#adopt(view);
  }

  #adopt(view: CellView): void {
    this.#view = view;
    for (const { index, name } of view.registry.accounts) this.#names.set(index, name);
  }

  /** Remembers the pair of a reply; tells when the cell has begun a new incarnation. */
  note(report: TickReport): void {
    const { incarnation, sequence } = report;
    if (incarnation < this.#incarnation) return;
    if (incarnation === this.#incarnation) {
      this.#sequence = Math.max(this.#sequence, sequence);
      return;
    }
    const isNews = this.#incarnation !== 0;
    this.#incarnation = incarnation;
    this.#sequence = sequence;
    if (isNews) this.#options.events.emit('recovery', { incarnation });
  }
}
