// The bytes in which a daemon tells lua/tick.lua of itself, before its operations (wire.ts).
// It reads nothing back.

/** What a daemon tells about itself and the cell with every batch. */
export interface Head {
  readonly generation: number;
  readonly incarnation: number;
  readonly sequence: number;
  /** Number of the batch, rising on its track. */
  readonly batch: number;
  readonly track: number;
  /** Cell time for tests; undefined for the server's own. */
  readonly clockMs: number | undefined;
  readonly gapMs: number;
  readonly recoveryMs: number;
  readonly rememberMs: number;
  readonly rememberMax: number;
  /** Waiters of the cell, at most. */
  readonly maxWaiting: number;
  /** How long in ms a session stays bound to its account after its last use. */
  readonly sessionMs: number;
  /** Bound sessions in a generation; two are kept. */
  readonly maxSessions: number;
  /** How long in ms a request may wait for its session's account while another one is free. */
  readonly preferMs: number;
}

export function encodeHead(head: Head): Buffer {
  const raw = Buffer.alloc(105);
  raw.writeDoubleLE(head.generation, 0);
  raw.writeDoubleLE(head.incarnation, 8);
  raw.writeDoubleLE(head.sequence, 16);
  raw.writeDoubleLE(head.batch, 24);
  raw.writeUInt8(head.track, 32);
  raw.writeDoubleLE(head.clockMs ?? -1, 33);
  raw.writeDoubleLE(head.gapMs, 41);
  raw.writeDoubleLE(head.recoveryMs, 49);
  raw.writeDoubleLE(head.rememberMs, 57);
  raw.writeDoubleLE(head.rememberMax, 65);
  raw.writeDoubleLE(head.maxWaiting, 73);
  raw.writeDoubleLE(head.sessionMs, 81);
  raw.writeDoubleLE(head.maxSessions, 89);
  raw.writeDoubleLE(head.preferMs, 97);
  return raw;
}
