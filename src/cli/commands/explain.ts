// `slotkeeper explain`: why a request would be granted, queued or refused now, account by account.
import { InvalidArgumentError, type Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { slotOf, type NamedSlot } from '../../config/slots.ts';
import { DEFAULT_TENANT } from '../../core/domain.ts';
import { AppError } from '../../core/errors.ts';
import type { Explanation } from '../../scheduler/explain.ts';
import { insightInto } from '../../scheduler/insight.ts';
import { addStoreOptions, withCell, type StoreOptions } from '../store.ts';
import { formatTable } from '../table.ts';

interface ExplainOptions extends StoreOptions {
  readonly tenant: string;
  readonly tokens: string;
  readonly reserve: string;
  readonly session?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  addStoreOptions(program.command('explain <route>'))
    .description('say why a request for a route would be granted, queued or refused now')
    .option('--tenant <name>', 'who would ask', DEFAULT_TENANT)
    .option('--tokens <n>', 'estimated input and output', '0')
    .option('--reserve <micro>', 'estimated cost in micro-units', '0')
    .option('--session <id>', 'the session that the request would name')
    .option('--json', 'print JSON')
    .action(async (route: string, options: ExplainOptions) => {
      const { targets, ttlMs, slot } = await settingsOf(route);
      const { tenant, session: id } = options;
      const session = id === undefined ? undefined : { id, ttlMs };
      const tokens = wholeNumber('--tokens', options.tokens);
      const reserveMicro = wholeNumber('--reserve', options.reserve);
      const explanation = await withCell(options, (source) => {
        return insightInto(source).explain({ targets, tenant, tokens, reserveMicro, session });
      });
      const isJson = options.json === true;
      const told = isJson ? JSON.stringify({ ...explanation, slot }, null, 2) : undefined;
      console.log(told ?? [...aboutSlot(slot), describe(explanation)].join('\n'));
    });
}

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`${option} takes a whole number.`);
}

async function settingsOf(route: string) {
  const { routes, sessions, deferral } = await loadConfig({ env: process.env });
  const { ttlMs } = sessions;
  const slot = deferral.enabled ? slotOf(route, deferral.slots, routes) : undefined;
  const targets = routes.get(slot?.alias ?? route)?.targets;
  if (targets !== undefined) {
    return { ttlMs, slot, targets: targets.map(({ pool, model }) => ({ pool, model })) };
  }
  const known = [...routes.keys()].join(', ') || '(none)';
  throw new AppError('model_not_found', `No such route is configured; there are: ${known}.`);
}

function aboutSlot(slot: NamedSlot | undefined): readonly string[] {
  if (slot === undefined) return [];
  const instead = slot.insteadOf && `, for no route of the slot ${slot.insteadOf} is configured`;
  return [`slot ${slot.slot}: route ${slot.alias}${instead ?? ''}`];
}

function describe({ decision, reason, retryAfterMs, ...about }: Explanation): string {
  const { tenant, session, queue, budgets, accounts } = about;
  const when = retryAfterMs ? `, ask again in ${Math.ceil(retryAfterMs)} ms` : '';
  const limit = tenant.maxConcurrency ?? 'no limit';
  const lines = [
    `${decision}${reason === undefined ? '' : ` (${reason})`}${when}`,
    `tenant ${tenant.name}: weight ${tenant.weight}, ${tenant.inFlight} in flight of ${limit}, ${tenant.waiting} waiting`,
    ...(session ? [`session: ${preferenceOf(session)}`] : []),
    `queue: ${queue.waiting} waiting in the cell, estimated wait ${queue.estimatedWaitMs} ms`,
    ...budgets.map(({ scope, settledMicro, reservedMicro, stopMicro }) => {
      return `budget ${scope}: ${settledMicro} settled + ${reservedMicro} reserved of ${stopMicro} micro-units`;
    }),
  ];
  const hasArms = accounts.some(({ breakerArm }) => breakerArm !== undefined);
  const heads = ['account', 'pool', 'model', 'tier', 'in flight', 'limit', 'verdict'];
  const table = formatTable(
    hasArms ? [...heads, 'breaker arm'] : heads,
    accounts.map(({ account, pool, model, priority, inFlight, limit: slots, ...one }) => {
      const until = one.restsMs > 0 ? ` for ${Math.ceil(one.restsMs)} ms` : '';
      const row = [account, pool, model, priority, inFlight, slots, one.verdict + until];
      return hasArms ? [...row, armText(one.breakerArm)] : row;
    }),
  );
  return `${lines.join('\n')}\n\n${table}`;
}

function preferenceOf({ preferred }: NonNullable<Explanation['session']>): string {
  return preferred === undefined ? 'new, or forgotten' : `prefers ${preferred}`;
}

function armText(arm: Explanation['accounts'][number]['breakerArm']): string {
  return arm === undefined ? '' : `${arm.rollout}: ${arm.arm}`;
}
