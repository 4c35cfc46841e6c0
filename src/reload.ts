// A daemon's reloads: asked for by a signal, by the admin API or by a change of the file, each of
// them logged and counted. A configuration with a fault leaves the running one in force.
import { findConfigFile, loadConfig } from './config/load.ts';
import { Reloading, type ReloadResult } from './config/reloading.ts';
import type { Config } from './config/schema.ts';
import { FileWatch } from './config/watch.ts';
import { AppError } from './core/errors.ts';
import type { Service } from './core/service.ts';
import type { Logger } from './log/logger.ts';

/** Where a daemon's configuration comes from. */
export interface ConfigSource {
  /** Rejects with `config_invalid`, also for what `running` cannot change any more. */
  readonly load: (running: Config) => Promise<Config>;
  /** Absolute path of the file; undefined where there is none. */
  readonly file: string | undefined;
}

/** The same file for the life of the process. */
export async function configSource(options: {
  readonly env: NodeJS.ProcessEnv;
  readonly path: string | undefined;
}): Promise<ConfigSource> {
  const { env } = options;
  const file = await findConfigFile(options);
  return { file, load: (running) => loadConfig({ env, path: file, running }) };
}

export interface ReloadServiceOptions {
  /** Reads as the configuration in force. */
  readonly config: { readonly current: Config };
  readonly source: ConfigSource | undefined;
  readonly apply: (next: Config) => Promise<void>;
  readonly logger: Logger;
  readonly onEnd: (result: 'applied' | 'unchanged' | 'refused' | 'failed') => void;
}

export class ReloadService implements Service {
  readonly #options: ReloadServiceOptions;
  readonly #reloading: Reloading;
  #watch: FileWatch | undefined;

  constructor(options: ReloadServiceOptions) {
    this.#options = options;
    const { config, source, apply } = options;
    const load = source?.load ?? (() => Promise.reject(nothingToRead()));
    this.#reloading = new Reloading({ running: () => config.current, load, apply });
  }

  /** Watches the file, where there is one. */
  async start(): Promise<void> {
    const { source, logger } = this.#options;
    if (source?.file === undefined) return;
    this.#watch = new FileWatch({
      path: source.file,
      onChange: () => void this.reload().catch(() => undefined),
      onEnd: (error) => logger.warn('the configuration file is not watched any more', { error }),
    });
    await this.#watch.start().catch((error: unknown) => {
      logger.warn('the configuration file cannot be watched; reload by SIGHUP', { error });
    });
  }

  stop(): Promise<void> {
    this.#watch?.stop();
    return Promise.resolve();
  }

  /** Rejects with `config_invalid` or `store_unavailable`; nothing has changed then. */
  async reload(): Promise<ReloadResult> {
    const { logger, onEnd } = this.#options;
    try {
      const result = await this.#reloading.reload();
      onEnd(result.kind);
      if (result.kind === 'unchanged') logger.info('the configuration has not changed');
      else logger.info('the configuration was changed', { changes: result.changes });
      return result;
    } catch (error) {
      const isRefused = error instanceof AppError && error.code === 'config_invalid';
      onEnd(isRefused ? 'refused' : 'failed');
      const why = isRefused ? { faults: error.message } : { error };
      logger.error('the configuration stays as it was: the new one cannot be used', why);
      throw error;
    }
  }
}

function nothingToRead(): AppError {
  return new AppError('invalid_request', 'This daemon has no configuration to read again.');
}
