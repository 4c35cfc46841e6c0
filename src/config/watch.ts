// Tells when a configuration file has changed. It watches directories, not the file: editors put a
// new file in the old one's place, and mounted configurations are links that are turned. It reads
// no content.
import { watch, type FSWatcher } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

export interface WatchOptions {
  readonly path: string;
  /** Called some time after the file has changed, once for many changes at a time. */
  readonly onChange: () => void;
  /** The watch has ended: changes of the file are not seen any more. */
  readonly onEnd: (error: Error) => void;
  /** Ms without another change, so that a file is not read half-written. */
  readonly debounceMs?: number;
}

const DEBOUNCE_MS = 200;

export class FileWatch {
  readonly #options: WatchOptions;
  readonly #watchers: FSWatcher[] = [];
  #state = '';
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Rejects where the directory cannot be watched. */
  async start(): Promise<void> {
    const { path } = this.#options;
    this.#state = await stateOf(path);
    const real = await realpath(path).catch(() => path);
    for (const directory of new Set([dirname(path), dirname(real)])) {
      const watcher = watch(directory, { persistent: false });
      watcher.on('change', this.#seen);
      watcher.on('error', (error) => {
        this.stop();
        this.#options.onEnd(error);
      });
      this.#watchers.push(watcher);
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  readonly #seen = (): void => {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    const { debounceMs = DEBOUNCE_MS } = this.#options;
    this.#timer = setTimeout(() => void this.#look(), debounceMs).unref();
  };

  /** Neighbours of the file change as well: a log, an editor's own files. */
  async #look(): Promise<void> {
    const state = await stateOf(this.#options.path);
    // Gone for a moment: whoever replaces it comes back with another event.
    if (this.#isStopped || state === '' || state === this.#state) return;
    this.#state = state;
    this.#options.onChange();
  }
}

/** Which file is there, and in which state; empty for none. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, mtimeNs, size } = await stat(path, { bigint: true });
    return [dev, ino, mtimeNs, size, basename(await realpath(path))].join(' ');
  } catch {
    return '';
  }
}
