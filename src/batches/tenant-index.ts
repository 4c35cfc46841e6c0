// A list of what tenants have, by age: a ZSET of one score whose members are "tenant TAB ms TAB id",
// so that Redis keeps each tenant's together and in order. Scripts write it; it is read here.
import type { Redis } from 'ioredis';
import type { Page, Paging } from './file.ts';

/** `after`: when the one that was seen last was made; the page begins behind it. */
export interface IndexPage extends Pick<Paging, 'limit' | 'order'> {
  readonly tenant: string;
  readonly after?: { readonly id: string; readonly createdAtMs: number } | undefined;
}

export async function readIndex(redis: Redis, key: string, page: IndexPage): Promise<Page<string>> {
  const { tenant, limit, order, after } = page;
  const seen = after && `(${tenant}\t${after.createdAtMs}\t${after.id}`;
  // The character behind TAB: no member of this tenant comes after it.
  const [lowest, highest] = [`[${tenant}\t`, `(${tenant}\n`];
  const most = limit + 1;
  const members =
    order === 'asc'
      ? await redis.zrangebylex(key, seen ?? lowest, highest, 'LIMIT', 0, most)
      : await redis.zrevrangebylex(key, seen ?? highest, lowest, 'LIMIT', 0, most);
  const ids = members.map((member) => member.slice(member.lastIndexOf('\t') + 1));
  return { entries: ids.slice(0, limit), hasMore: ids.length > limit };
}
