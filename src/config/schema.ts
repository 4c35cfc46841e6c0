// Every option of the product: type, unit, default, environment name and one sentence.
// The only place with defaults. config/load.ts reads files and the environment through it.
import { z } from 'zod';
import { alertsSchema, type AlertsConfig } from './alerts-schema.ts';
import {
  batchesSchema,
  filesSchema,
  type BatchesConfig,
  type FilesConfig,
} from './batches-schema.ts';
import { breakerSchema, type AccountHealthConfig } from './breaker-schema.ts';
import { costsimSchema } from './costsim-schema.ts';
import type { BudgetConfig, PriceConfig, RunsConfig } from './costs-resolve.ts';
import { budgetSchema, pricesSchema, runsSchema } from './costs-schema.ts';
import { deferralSchema, type DeferralConfig } from './deferral-schema.ts';
import { journalSchema, type JournalConfig } from './journal-schema.ts';
import { leaderSchema } from './leader-schema.ts';
import { estimatesSchema, type EstimatesConfig } from './estimates-schema.ts';
import { logSchema } from './log-schema.ts';
import { httpUrl, model, name } from './names.ts';
import {
  failoverSchema,
  outcomesSchema,
  type FailoverLimits,
  type OutcomeTable,
} from './outcomes-schema.ts';
import { redisSchema } from './redis-schema.ts';
import { rolloutsSchema, type RolloutConfig } from './rollouts-schema.ts';
import { routesSchema, type RouteConfig } from './routes-schema.ts';
import { sessionsSchema } from './sessions-schema.ts';
import {
  expectedDaemons,
  onLostStore,
  whenStoreIsDown,
  type LocalPolicy,
} from './store-loss-schema.ts';
import type { RateTerms, TenantConfig } from './tenants-resolve.ts';
import { adminSchema, rates, tenantsSchema, WRITTEN } from './tenants-schema.ts';
import { timeouts, type UpstreamTimeouts } from './timeouts-schema.ts';

/** What an option says about itself beside its type; the configuration reference is made of it. */
export interface OptionMeta {
  readonly description: string;
  /** Environment variable that overrides the file. */
  readonly env?: string;
  readonly secret?: boolean;
}

const ms = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const server = z
  .strictObject({
    host: z.string().default('127.0.0.1').meta({
      description: 'Address to listen on. Anything but loopback needs `server.apiKey`.',
      env: 'SLOTKEEPER_HOST',
    }),
    port: z.coerce.number().int().min(0).max(65535).default(8080).meta({
      description: 'Port to listen on; 0 takes a free one.',
      env: 'SLOTKEEPER_PORT',
    }),
    apiKey: z.string().min(16, 'use at least 16 characters').optional().meta({
      description: 'Key that guards /v1 and /scheduler.',
      env: 'SLOTKEEPER_API_KEY',
      secret: true,
    }),
    maxBodyBytes: z.coerce
      .number()
      .int()
      .min(1024)
      .default(10 * 1024 * 1024)
      .meta({
        description: 'Largest request body in bytes; larger ones get 413.',
        env: 'SLOTKEEPER_MAX_BODY_BYTES',
      }),
    headersTimeoutMs: ms(100, 600_000).default(10_000).meta({
      description: 'Time in ms for a client to send its headers.',
      env: 'SLOTKEEPER_HEADERS_TIMEOUT_MS',
    }),
    bodyTimeoutMs: ms(100, 3_600_000).default(30_000).meta({
      description: 'Time in ms for a client to send its whole request.',
      env: 'SLOTKEEPER_BODY_TIMEOUT_MS',
    }),
    writeIdleTimeoutMs: ms(100, 3_600_000).default(60_000).meta({
      description: 'Time in ms for which a client may refuse to read before it is cut off.',
      env: 'SLOTKEEPER_WRITE_IDLE_TIMEOUT_MS',
    }),
    waitKeepAliveMs: ms(0, 600_000).default(0).meta({
      description:
        'Interval in ms of SSE comments to a client whose stream waits for a slot; 0 sends none.',
      env: 'SLOTKEEPER_WAIT_KEEP_ALIVE_MS',
    }),
    shutdownGraceMs: ms(0, 3_600_000).default(30_000).meta({
      description: 'Time in ms that running requests get after SIGTERM.',
      env: 'SLOTKEEPER_SHUTDOWN_GRACE_MS',
    }),
  })
  .prefault({});

const scheduler = z
  .strictObject({
    cell: name.default('main').meta({
      description: 'The cell: all of its keys share one hash tag.',
      env: 'SLOTKEEPER_CELL',
    }),
    leaseMs: ms(100, 3_600_000).default(30_000).meta({
      description: 'Life of a lease in ms; held leases are renewed every third of it.',
      env: 'SLOTKEEPER_LEASE_MS',
    }),
    maxLeaseMs: ms(100, 86_400_000).default(3_600_000).meta({
      description: 'Longest life in ms that a caller of the Scheduler API may ask for.',
      env: 'SLOTKEEPER_MAX_LEASE_MS',
    }),
    reapIntervalMs: ms(50, 60_000).default(1000).meta({
      description: 'Interval in ms of the tick that reaps in idleness (jittered by a fifth).',
      env: 'SLOTKEEPER_REAP_INTERVAL_MS',
    }),
    rememberMs: ms(100, 3_600_000).default(30_000).meta({
      description: 'How long in ms a finished id is at least remembered (see `rememberMax`).',
      env: 'SLOTKEEPER_REMEMBER_MS',
    }),
    rememberMax: z.coerce.number().int().min(1000).max(10_000_000).default(250_000).meta({
      description: 'Finished ids per generation; at most two generations are kept.',
      env: 'SLOTKEEPER_REMEMBER_MAX',
    }),
    recoveryMs: ms(0, 60_000).default(1500).meta({
      description:
        'Time in ms after a loss of data in which leases register again and none is granted.',
      env: 'SLOTKEEPER_RECOVERY_MS',
    }),
    maxCallsInFlight: z.coerce.number().int().min(1).max(64).default(4).meta({
      description: 'Calls of the heart that one daemon keeps under way.',
      env: 'SLOTKEEPER_MAX_CALLS_IN_FLIGHT',
    }),
    maxPendingOperations: z.coerce.number().int().min(64).default(20_000).meta({
      description: 'Operations that may wait in a daemon for Redis; beyond it callers get 503.',
      env: 'SLOTKEEPER_MAX_PENDING_OPERATIONS',
    }),
    waitMs: ms(0, 3_600_000).default(30_000).meta({
      description: 'How long in ms a request may wait for a slot; 0 refuses it at once.',
      env: 'SLOTKEEPER_WAIT_MS',
    }),
    maxWaiting: z.coerce.number().int().min(0).max(1_000_000).default(10_000).meta({
      description: 'Requests of the whole cell that may wait; beyond it they get 429.',
      env: 'SLOTKEEPER_MAX_WAITING',
    }),
    checkIntervalMs: ms(50, 60_000).default(1000).meta({
      description:
        'Interval in ms in which a waiting request asks again, should a message be lost.',
      env: 'SLOTKEEPER_CHECK_INTERVAL_MS',
    }),
    expectedDaemons,
    onLostStore,
    auditIntervalMs: ms(1000, 86_400_000).default(60_000).meta({
      description: 'Interval in ms of the daemon’s own bounded audit.',
      env: 'SLOTKEEPER_AUDIT_INTERVAL_MS',
    }),
  })
  .prefault({})
  .refine((s) => s.leaseMs <= s.maxLeaseMs, {
    message: 'leaseMs must not exceed maxLeaseMs',
    path: ['leaseMs'],
  });

/** How to reach an upstream; an account inherits from its pool what it leaves out. */
const upstream = {
  provider: z.enum(['openai', 'anthropic']).optional().meta({
    description: 'Wire dialect of the upstream: how the credential is sent.',
  }),
  baseUrl: httpUrl.optional().meta({
    description: 'URL that stands for our /v1 at the upstream, such as https://api.openai.com/v1',
  }),
  credential: z.string().min(1).optional().meta({
    description: 'The upstream API key, normally as ${ENV_NAME}.',
    secret: true,
  }),
  timeouts: timeouts.optional(),
  models: z.array(model).min(1).max(500).optional().meta({
    description: 'Upstream model names that the account serves.',
  }),
};

const account = z.strictObject({
  name: name.meta({ description: 'Unique in the cell; appears in metrics and audits.' }),
  maxConcurrency: z.coerce.number().int().min(1).max(10_000).meta({
    description: 'Slots: requests that may be in flight at once.',
  }),
  weight: z.coerce.number().int().min(1).max(100).default(1).meta({
    description: 'Share of the load beside equals: load is in-flight / (maxConcurrency × weight).',
  }),
  priority: z.coerce.number().int().min(0).max(15).default(0).meta({
    description: 'Tier: accounts of a lower number are used before all of a higher one.',
  }),
  enabled: z.boolean().default(true).meta({
    description: 'Whether new requests may use it; running ones end in peace.',
  }),
  ...rates(WRITTEN),
  ...upstream,
});

const pool = z.strictObject({
  ...upstream,
  breaker: breakerSchema,
  whenStoreIsDown,
  outcomes: outcomesSchema,
  accounts: z.array(account).max(10_000),
});

/** The whole configuration as a file may say it. Cross-checks live in config/load.ts. */
export const configSchema = z.strictObject({
  server,
  redis: redisSchema,
  scheduler,
  leader: leaderSchema,
  log: logSchema,
  pools: z.record(name, pool).meta({ description: 'Pools of interchangeable accounts, by name.' }),
  routes: routesSchema,
  failover: failoverSchema,
  rollouts: rolloutsSchema,
  budget: budgetSchema,
  prices: pricesSchema,
  estimates: estimatesSchema,
  runs: runsSchema,
  costsim: costsimSchema,
  sessions: sessionsSchema,
  journal: journalSchema,
  tenants: tenantsSchema,
  admin: adminSchema,
  alerts: alertsSchema,
  deferral: deferralSchema,
  files: filesSchema,
  batches: batchesSchema,
});

export type FileConfig = z.infer<typeof configSchema>;

export { DEFAULT_TIMEOUTS, type UpstreamTimeouts } from './timeouts-schema.ts';

/** An account with everything that it inherits filled in. */
export interface AccountConfig extends AccountHealthConfig {
  readonly name: string;
  /** What callers see of it: a short digest, which tells neither its name nor its key. */
  readonly label: string;
  readonly pool: string;
  readonly maxConcurrency: number;
  readonly weight: number;
  readonly priority: number;
  readonly enabled: boolean;
  /** What the upstream allows in a minute. */
  readonly rates?: RateTerms;
  readonly models: readonly string[];
  readonly provider: 'openai' | 'anthropic';
  readonly baseUrl: string;
  /** The secret itself. Never log it, never put it into an error. */
  readonly credential: string | undefined;
  readonly timeouts: UpstreamTimeouts;
  /** What failures of its pool mean. */
  readonly outcomes: OutcomeTable;
}

export type { RouteConfig, TargetConfig } from './routes-schema.ts';

/** The configuration that the product works with: resolved, checked and frozen. */
export interface Config {
  readonly server: Readonly<FileConfig['server']>;
  readonly redis: Readonly<FileConfig['redis']>;
  readonly scheduler: Readonly<FileConfig['scheduler']>;
  readonly leader: Readonly<FileConfig['leader']>;
  readonly log: Readonly<FileConfig['log']>;
  readonly accounts: readonly AccountConfig[];
  /** Pools that are served while the store is away; undefined where none is. */
  readonly local: LocalPolicy | undefined;
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly failover: FailoverLimits;
  readonly rollouts: ReadonlyMap<string, RolloutConfig>;
  /** Undefined where the budget gate is off. */
  readonly budget: BudgetConfig | undefined;
  /** Configured prices, by model or pool/model. */
  readonly prices: ReadonlyMap<string, PriceConfig>;
  readonly estimates: EstimatesConfig;
  readonly runs: RunsConfig;
  readonly costsim: Readonly<FileConfig['costsim']>;
  readonly sessions: Readonly<FileConfig['sessions']>;
  readonly journal: JournalConfig;
  /** By name. Others may have been created through the admin API. */
  readonly tenants: ReadonlyMap<string, TenantConfig>;
  readonly admin: Readonly<FileConfig['admin']>;
  readonly alerts: AlertsConfig;
  readonly deferral: DeferralConfig;
  readonly files: FilesConfig;
  readonly batches: BatchesConfig;
  /** Whether the built-in simulated upstream serves the accounts. */
  readonly demo: boolean;
}
