// A file of a tenant, as it is known once it has been written whole. Its content is files.ts's.

/** Times are cell time in ms. */
export interface StoredFile {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly purpose: FilePurpose;
  readonly bytes: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

/** What a caller may upload, and what a batch makes of it. */
export const FILE_PURPOSES = ['batch', 'batch_output'] as const;
export type FilePurpose = (typeof FILE_PURPOSES)[number];

/** Our own ids alone: what callers send is compared with it before it reaches a key. */
export const FILE_ID = /^file-[\w-]{1,100}$/;

/** One side of a page of a list; `after` is the id of the last one that was seen. */
export interface Paging {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly order: 'asc' | 'desc';
}

export interface Page<T> {
  readonly entries: readonly T[];
  readonly hasMore: boolean;
}
