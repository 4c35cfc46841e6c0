// Where a request falls when only a part of all is meant: by a hash of what stays the same for it,
// so that a session is not thrown from one side to the other. The same key falls elsewhere under
// another name, or the first percents would be everybody's guinea pigs.

/** 0 to below 100, in hundredths; the same for the same name and key on every machine. */
export function bucketOf(name: string, key: string): number {
  const text = `${name}\n${key}`;
  // FNV-1a, then murmur3's last step: keys that differ in their last character must spread too.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = (hash ^ (hash >>> 16)) >>> 0;
  return (hash % 10_000) / 100;
}
