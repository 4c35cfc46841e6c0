// The options about Redis: where it is, how it is reached, how many servers stand behind it. What
// the modes want of each other is checked here too; what they mean is redis/location.ts' matter.
import { z } from 'zod';
import { NODE_PATTERN } from '../core/domain.ts';
import type { Fault } from './faults.ts';

const MODES = ['standalone', 'sentinel', 'cluster'] as const;

/** The environment knows texts only. */
const listed = (value: unknown): unknown =>
  typeof value === 'string' ? value.split(',').map((entry) => entry.trim()) : value;
const truth = (value: unknown): unknown =>
  value === 'true' ? true : value === 'false' ? false : value;

const nodes = z.preprocess(
  listed,
  z
    .array(z.string().regex(NODE_PATTERN, 'use host:port, such as redis-1:6379 or [::1]:6379'))
    .max(100)
    .default([]),
);

export const redisSchema = z
  .strictObject({
    mode: z.enum(MODES).default('standalone').meta({
      description: 'One server (`url`), a master that Sentinels name, or a Redis Cluster.',
      env: 'SLOTKEEPER_REDIS_MODE',
    }),
    url: z
      .string()
      .regex(/^(rediss?|valkeys?|unix):\/\//, 'must start with redis://, rediss:// or unix://')
      .optional()
      .meta({
        description: 'Redis to use. Without it a real Redis is brought and run under `dataDir`.',
        env: 'REDIS_URL',
        secret: true,
      }),
    nodes: nodes.meta({
      description:
        'Sentinels, or some nodes of the Cluster, as host:port; a list, or a text with commas.',
      env: 'SLOTKEEPER_REDIS_NODES',
    }),
    sentinelName: z.string().min(1).optional().meta({
      description: 'What the Sentinels call the master, such as mymaster.',
      env: 'SLOTKEEPER_REDIS_SENTINEL_NAME',
    }),
    username: z.string().min(1).optional().meta({
      description: 'User at the servers behind Sentinels or of a Cluster.',
      env: 'SLOTKEEPER_REDIS_USERNAME',
    }),
    password: z.string().min(1).optional().meta({
      description: 'Password at the servers behind Sentinels or of a Cluster.',
      env: 'SLOTKEEPER_REDIS_PASSWORD',
      secret: true,
    }),
    sentinelUsername: z.string().min(1).optional().meta({
      description: 'User at the Sentinels themselves, where they want one.',
      env: 'SLOTKEEPER_REDIS_SENTINEL_USERNAME',
    }),
    sentinelPassword: z.string().min(1).optional().meta({
      description: 'Password at the Sentinels themselves, where they want one.',
      env: 'SLOTKEEPER_REDIS_SENTINEL_PASSWORD',
      secret: true,
    }),
    tls: z.preprocess(truth, z.boolean().default(false)).meta({
      description:
        'TLS to Sentinels, servers and nodes (a `url` says so itself: rediss://). Authorities of your own: NODE_EXTRA_CA_CERTS.',
      env: 'SLOTKEEPER_REDIS_TLS',
    }),
    dataDir: z.string().default('.slotkeeper').meta({
      description: 'Directory of the embedded Redis: its socket and its append-only data.',
      env: 'SLOTKEEPER_DATA_DIR',
    }),
    timeoutMs: z.coerce.number().int().min(10).max(60_000).default(1000).meta({
      description: 'Time in ms after which a call to Redis counts as failed.',
      env: 'SLOTKEEPER_REDIS_TIMEOUT_MS',
    }),
  })
  .prefault({});

const given = z.unknown().optional();
const outline = z.object({
  redis: z
    .object({
      mode: z.enum(MODES).catch('standalone'),
      url: given,
      nodes: given,
      sentinelName: given,
    })
    .partial(),
});

/** Options that are of no use in the mode, or that the mode cannot be without. */
export function checkRedis(tree: unknown): readonly Fault[] {
  const view = outline.safeParse(tree);
  if (!view.success) return [];
  const { mode = 'standalone', url, nodes: listedNodes, sentinelName } = view.data.redis;
  const fault = (option: string, message: string): Fault => ({ path: ['redis', option], message });
  if (mode === 'standalone') {
    if (listedNodes === undefined) return [];
    return [
      fault('nodes', 'is for redis.mode sentinel or cluster: set the mode, or use redis.url'),
    ];
  }
  return [
    ...(url === undefined
      ? []
      : [
          fault(
            'url',
            `is for redis.mode standalone: name redis.nodes instead, or unset REDIS_URL`,
          ),
        ]),
    ...(isEmpty(listedNodes) ? [fault('nodes', `is missing: redis.mode ${mode} needs it`)] : []),
    ...(mode === 'sentinel' && sentinelName === undefined
      ? [fault('sentinelName', 'is missing: redis.mode sentinel needs it')]
      : []),
  ];
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
