// Files as the store keeps them (lua/files.lua): in chunks, beneath bounds of each tenant, for a time.
// A tenant sees its own alone. What is in a file, and who may ask, is for others to know.
import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import type { FilesConfig } from '../config/batches-schema.ts';
import { AppError } from '../core/errors.ts';
import type { AssembledScript } from '../redis/assemble.ts';
import { cellKeys, type CellKeys, type KeyStyle } from '../redis/keys.ts';
import { bindKeys, callScript } from '../redis/script.ts';
import { loadScripts } from '../redis/scripts.ts';
import { FILE_ID, type FilePurpose, type Page, type Paging, type StoredFile } from './file.ts';
import { FileWriter } from './file-writer.ts';
import { readIndex } from './tenant-index.ts';

export interface FilesOptions {
  readonly redis: Redis;
  readonly cell: string;
  readonly keyStyle: KeyStyle;
  readonly config: () => FilesConfig;
  /** Cell time in ms for tests; the server's own by default. */
  readonly clock?: (() => number) | undefined;
}

export type DropResult = 'dropped' | 'held' | 'gone';

interface Words {
  readonly numbers?: readonly number[];
  readonly tenant?: string;
  readonly name?: string;
  readonly purpose?: string;
  readonly chunk?: Buffer;
}

/** An upload that has not ended by then never will: its daemon is gone. */
const WRITING_MS = 3_600_000;
const LOOK_AGAIN_MS = 3_600_000;
const FACTS = ['tenant', 'name', 'purpose', 'bytes', 'created', 'expires', 'state'] as const;

export class Files {
  readonly #options: FilesOptions;
  readonly #keys: CellKeys;
  readonly #script: AssembledScript;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#keys = cellKeys(options.cell, options.keyStyle);
    this.#script = loadScripts().files;
  }

  /** Throws `files_full` where the tenant has its number of files, at once or when its bytes are many. */
  async upload(tenant: string): Promise<FileWriter> {
    const { maxPerTenant, maxTenantBytes, maxBytes } = this.#options.config();
    const id = `file-${nanoid(24)}`;
    return await this.#writer({ id, tenant, maxPerTenant, maxTenantBytes, maxBytes });
  }

  /**
   * For what we write ourselves: no bound refuses it. Who writes the same bytes to the same id, again
   * or at once, makes one file.
   */
  async write(id: string, tenant: string): Promise<FileWriter> {
    const unbounded = { maxPerTenant: -1, maxTenantBytes: -1, maxBytes: Infinity };
    return await this.#writer({ id, tenant, ...unbounded });
  }

  /** Undefined for one that is not there, not whole yet, or another tenant's. */
  async find(tenant: string, id: string): Promise<StoredFile | undefined> {
    if (!FILE_ID.test(id)) return undefined;
    const values = await this.#options.redis.hmget(this.#keys.file(id), ...FACTS);
    const [owner, name, purpose, bytes, created, expires, state] = values;
    if (owner !== tenant || state !== 'closed') return undefined;
    return {
      ...{ id, tenant, name: name ?? '', purpose: purpose as FilePurpose, bytes: Number(bytes) },
      ...{ createdAtMs: Number(created), expiresAtMs: Number(expires) },
    };
  }

  /** Latest first unless told otherwise. An unknown `after` is the beginning. */
  async list(tenant: string, { after, ...paging }: Paging): Promise<Page<StoredFile>> {
    const { redis } = this.#options;
    const seen = after === undefined ? undefined : await this.find(tenant, after);
    const page = await readIndex(redis, this.#keys.files, { ...paging, tenant, after: seen });
    const found = await Promise.all(page.entries.map((id) => this.find(tenant, id)));
    return { entries: found.filter((one) => one !== undefined), hasMore: page.hasMore };
  }

  /** Chunk by chunk; throws `file_not_found` where it goes meanwhile. */
  async *read({ id, bytes }: Pick<StoredFile, 'id' | 'bytes'>): AsyncGenerator<Buffer> {
    const key = this.#keys.file(id);
    let left = bytes;
    for (let number = 0; left > 0; number += 1) {
      const chunk = await this.#options.redis.hgetBuffer(key, String(number));
      if (chunk === null) throw new AppError('file_not_found', 'This file is not there any more.');
      left -= chunk.length;
      yield chunk;
    }
  }

  /** `held`: a batch reads it. */
  async drop(tenant: string, id: string): Promise<DropResult> {
    if ((await this.find(tenant, id)) === undefined) return 'gone';
    return await this.#drop(id, -1);
  }

  /** Drops what has been kept for its time, and what nobody goes on writing; at most 100 of them. */
  async expire(): Promise<void> {
    const ids = (await this.#call('files_due', '_', {})).map(String);
    for (const id of ids) await this.#drop(id, LOOK_AGAIN_MS);
  }

  async #drop(id: string, againMs: number): Promise<DropResult> {
    const [result] = await this.#call('file_drop', id, { numbers: [againMs] });
    return String(result) as DropResult;
  }

  async #writer(of: {
    readonly id: string;
    readonly tenant: string;
    readonly maxPerTenant: number;
    readonly maxTenantBytes: number;
    readonly maxBytes: number;
  }): Promise<FileWriter> {
    const { id, tenant, maxPerTenant, maxTenantBytes, maxBytes } = of;
    const numbers = [maxPerTenant, WRITING_MS];
    const [kind] = await this.#call('file_open', id, { tenant, numbers });
    if (String(kind) === 'full') throw full('has as many files as it may have');
    const { retentionMs } = this.#options.config();
    return new FileWriter({
      maxBytes,
      write: async (number, chunk) => {
        const words = { numbers: [number, maxTenantBytes], chunk };
        const result = String((await this.#call('file_write', id, words))[0]);
        if (result === 'full') throw full('has as many bytes of files as it may have');
        if (result === 'gone') throw new AppError('file_not_found', 'This file has been dropped.');
      },
      close: async ({ name, purpose, bytes, keepMs = retentionMs }) => {
        const words = { numbers: [Math.min(keepMs, retentionMs)], name, purpose };
        const [result, created, expires] = await this.#call('file_close', id, words);
        if (String(result) === 'gone') {
          throw new AppError('file_not_found', 'This file has been dropped.');
        }
        const times = { createdAtMs: Number(created), expiresAtMs: Number(expires) };
        return { id, tenant, name, purpose, bytes, ...times };
      },
      drop: () => this.#drop(id, -1),
    });
  }

  async #call(entry: string, id: string, words: Words): Promise<readonly unknown[]> {
    const { redis, clock } = this.#options;
    const { numbers = [], tenant = '', name = '', purpose = '', chunk = '' } = words;
    const head = Buffer.alloc(24);
    [clock?.() ?? -1, ...numbers].forEach((number, i) => head.writeDoubleLE(number, 8 * i));
    const { files, filesUsed, filesDue } = this.#keys;
    const ours = { files, files_used: filesUsed, files_due: filesDue };
    const bound = bindKeys(this.#script, { file: this.#keys.file(id), ...ours });
    const args = [head, id, tenant, name, purpose, chunk];
    return (await callScript(redis, this.#script, entry, bound, args)) as readonly unknown[];
  }
}

function full(why: string): AppError {
  return new AppError('files_full', `Your tenant ${why}. Delete what is not needed any more.`);
}
