// What every fault meets: the accounts and their limits, the times, the prices, and the
// configuration that all daemons share. Times are short, so that a lease can end within a test.

/** By the credential that the upstream knows an account by. */
export const LIMITS: Readonly<Record<string, number>> = {
  'key-one': 1,
  'key-two': 2,
  'key-five': 5,
  'key-twenty': 20,
};

export const SLOTS = Object.values(LIMITS).reduce((sum, limit) => sum + limit, 0);
export const DAEMONS = 3;

export const LEASE_MS = 3000;
export const REAP_MS = 250;
export const RECOVERY_MS = 1000;
export const STORE_TIMEOUT_MS = 1000;
/** How long a request may wait for a slot. */
export const WAIT_MS = 8000;
/** An upstream that does not begin to answer by then is given up. */
export const SILENCE_MS = 2500;
/** Between two pieces of an answer: a daemon that stood still must not take its own pause for it. */
const IDLE_MS = 3 * LEASE_MS;
export const TOTAL_MS = 12_000;

export const MODEL = 'gpt-4';
/** Of deferred work: free of charge, so that the clients' bill stays theirs alone. */
export const JOB_MODEL = 'gpt-4-jobs';
export const TOKENS = 8;
/** What every complete answer costs: `TOKENS` output tokens; input is free. */
export const COST_MICRO = TOKENS * 1000;
const MICRO_PER_UNIT = 1_000_000;
/** Of a million output tokens, in units of the currency. */
const OUTPUT_PRICE = COST_MICRO / TOKENS;
const JOBS_AT_ONCE = 4;
const UNREACHED_BUDGET = 1_000_000;

export const CELL = 'main';
export const POOL = 'openai';
export const ADMIN_TOKEN = 'chaos-admin-token-of-no-worth';
export const CONFIGURATION_FILE = 'slotkeeper.config.yaml';

/** What daemons call the account of a credential. */
export function accountOf(credential: string): string {
  return credential.replace('key-', 'account-');
}

export interface Configured {
  /** What the file says of Redis; undefined: each daemon goes by a link of its own. */
  readonly redis?: Readonly<Record<string, unknown>> | undefined;
  readonly limits?: Readonly<Record<string, number>>;
  readonly withJobs?: boolean | undefined;
}

/** YAML, of which JSON is a part. The upstream's address is each daemon's own. */
export function configurationText(configured: Configured = {}): string {
  const { redis, limits = LIMITS, withJobs = false } = configured;
  const accounts = Object.entries(limits).map(([credential, maxConcurrency]) => ({
    name: accountOf(credential),
    maxConcurrency,
    credential,
  }));
  const timeouts = {
    connectTimeoutMs: 1000,
    headersTimeoutMs: SILENCE_MS,
    idleTimeoutMs: IDLE_MS,
    totalTimeoutMs: TOTAL_MS,
  };
  return JSON.stringify({
    server: { shutdownGraceMs: 10_000 },
    admin: { token: ADMIN_TOKEN },
    redis: { ...redis, timeoutMs: STORE_TIMEOUT_MS },
    scheduler: {
      cell: CELL,
      leaseMs: LEASE_MS,
      reapIntervalMs: REAP_MS,
      recoveryMs: RECOVERY_MS,
      waitMs: WAIT_MS,
      auditIntervalMs: 1000,
    },
    log: { level: 'error' },
    pools: {
      [POOL]: { baseUrl: '${UPSTREAM_URL}/v1', models: [MODEL, JOB_MODEL], timeouts, accounts },
    },
    budget: {
      currency: 'USD',
      global: { warn: UNREACHED_BUDGET, stop: UNREACHED_BUDGET, period: 'none' },
    },
    prices: {
      [MODEL]: { input: 0, output: OUTPUT_PRICE },
      [JOB_MODEL]: { input: 0, output: 0 },
    },
    deferral: { enabled: withJobs, concurrency: JOBS_AT_ONCE },
    // Each request is a run of its own, so that the store's spend by run is its bill.
    runs: { stickyProvider: false },
  });
}

/** Micro-units as the currency's. */
export function inUnits(micro: number): string {
  return (micro / MICRO_PER_UNIT).toFixed(3);
}
