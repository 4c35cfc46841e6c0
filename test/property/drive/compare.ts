// Everything in which the stored structures differ from the model, in words.
import type { ModelCell } from '../model/cell.ts';
import { hasRoom, limitOf, loadRatio } from '../model/cell.ts';
import { textOf } from '../model/answers.ts';
import { TOUCHES, targetOf } from './store.ts';
import type { StoredCell } from './store.ts';

const ENDING_CODES = { released: '1', reaped: '2', cancelled: '3' } as const;

type Table = ReadonlyMap<string, string | number | boolean>;

export function differences(model: ModelCell, stored: StoredCell): string[] {
  const ends = (from: ModelCell['finished']): Table =>
    new Map([...from].map(([id, how]) => [id, ENDING_CODES[how]]));
  return [
    ...compareTables('cell', cellFacts(model), stored.facts),
    ...compareTables('requests', modelLeases(model), storedLeases(stored)),
    ...compareTables('finished', ends(model.finished), stored.finished),
    ...compareTables('finished-before', ends(model.finishedBefore), stored.finishedBefore),
    ...compareTables('inflight', inFlight(model), stored.inflight),
    ...compareTables('accounts', limits(model), storedLimits(stored)),
    ...compareTables('index', places(model), storedPlaces(stored)),
    ...compareTables('counters', counters(model, stored), stored.counters),
    ...(stored.setAside === 0 ? [] : [`${stored.setAside} records were set aside`]),
  ];
}

function compareTables(name: string, model: Table, stored: Table): string[] {
  const found: string[] = [];
  for (const key of new Set([...model.keys(), ...stored.keys()])) {
    if (name === 'cell' && !model.has(key)) continue;
    const [expected, actual] = [model.get(key), stored.get(key)];
    if (expected !== actual) {
      found.push(`${name} ${key}: expected ${String(expected)}, stored ${String(actual)}`);
    }
  }
  return found;
}

function cellFacts(model: ModelCell): Table {
  const { incarnation, sequence, nowMs, grants, touches, recoverUntilMs, rotateAtMs } = model;
  const facts = { incarnation, sequence, now: nowMs, grants, touches, server: model.server };
  const times = { recover_until: recoverUntilMs, keep_until: model.keepUntilMs };
  return new Map(
    Object.entries({ ...facts, ...times, rotate_at: rotateAtMs }).map(([field, value]) => [
      field,
      String(value),
    ]),
  );
}

function modelLeases(model: ModelCell): Table {
  return new Map(
    [...model.leases].map(([id, { account, target, fence, expiresAtMs, isFresh }]) => [
      id,
      `${account} ${textOf(target)} fence ${fence} until ${expiresAtMs} fresh ${String(isFresh)}`,
    ]),
  );
}

function storedLeases({ leases, registry }: StoredCell): Table {
  return new Map(
    [...leases].map(([id, { account, model, fence, expiresAtMs, flags }]) => {
      const target = targetOf(registry, model);
      const name = target === undefined ? `model ${model}` : textOf(target);
      return [
        id,
        `${account} ${name} fence ${fence} until ${expiresAtMs} fresh ${String(flags === 1)}`,
      ];
    }),
  );
}

function inFlight(model: ModelCell): Table {
  return new Map([...model.accounts].map(([name, account]) => [name, account.inFlight]));
}

function limits(model: ModelCell): Table {
  return new Map(
    [...model.accounts].map(([name, account]) => [
      name,
      `${limitOf(account)} of capacity ${account.spec.maxConcurrency * account.spec.weight}`,
    ]),
  );
}

function storedLimits({ accounts }: StoredCell): Table {
  return new Map(
    [...accounts].map(([name, { isInUse, limit, capacity }]) => [
      name,
      `${isInUse ? limit : 0} of capacity ${capacity}`,
    ]),
  );
}

/** Accounts with room, each in the one class of its pool, tier and models, by load and last touch. */
function places(model: ModelCell): Table {
  const free = [...model.accounts].filter(([, account]) => hasRoom(account));
  return new Map(
    free.map(([name, account]) => {
      const { pool, priority, models } = account.spec;
      const place = `${pool} tier ${priority} for ${models.join()}`;
      return [`${name} in ${place}`, loadRatio(account) * TOUCHES + account.touch];
    }),
  );
}

function storedPlaces({ registry, classes }: StoredCell): Table {
  const found = new Map<string, number>();
  for (const { number, pool, priority, models, mixed } of registry.classes) {
    for (const [name, score] of classes.get(number) ?? []) {
      // A mixed class serves the union of its accounts' models: each has its own.
      const own = registry.accounts.find((account) => account.name === name)?.models;
      const served = mixed && own?.every((model) => models.includes(model)) ? own : models;
      found.set(`${name} in ${pool} tier ${priority} for ${served.join()}`, score);
    }
  }
  return found;
}

/** One counter for each (pool, model) that is registered, or was until its last lease ended. */
function counters(model: ModelCell, { registry, counters: stored }: StoredCell): Table {
  const expected = new Map<string, number>(registry.models.map((entry) => [textOf(entry), 0]));
  for (const { target } of model.leases.values()) {
    const name = textOf(target);
    expected.set(name, (expected.get(name) ?? 0) + 1);
  }
  for (const name of stored.keys()) {
    // A number without a model keeps its place in the list of keys; nobody may ever write it.
    if (name.startsWith('-/')) expected.set(name, 0);
  }
  return expected;
}
