// The slot of a key in Redis Cluster, computed here rather than asked: a single server accepts keys
// of any slots in one call. CRC16 as in the cluster specification (XMODEM: polynomial 0x1021).

const SLOTS = 16_384;

export function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    }
    crc &= 0xffff;
  }
  return crc;
}

/**
 * Only what stands between the first `{` and the next `}` counts, unless it is nothing. The slot of
 * a cell is that of its name, for all of its keys carry it as their tag.
 */
export function keySlot(key: string): number {
  const [, tag] = /^[^{]*\{([^}]*)\}/.exec(key) ?? [];
  return crc16(Buffer.from(tag === undefined || tag === '' ? key : tag)) % SLOTS;
}
