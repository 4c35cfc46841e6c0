// The command line of the fault harness, and what a seed decides.
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/sim/random.ts';
import { LEASE_MS, SLOTS, TOKENS } from '../../chaos/configuration.ts';
import { listText, readCommand } from '../../chaos/command.ts';
import { FAULTS } from '../../chaos/faults/index.ts';
import { plannedRequests, SPAN_MS, type PlannedRequest } from '../../chaos/plan.ts';

describe('npm run chaos', () => {
  it('runs all faults unless told otherwise', () => {
    const command = readCommand(['--seed', '5']);

    expect(command).toMatchObject({
      kind: 'run',
      plan: { faults: FAULTS, requests: 2000, seed: 5 },
    });
  });

  it('runs the named faults', () => {
    const command = readCommand(['--faults', 'flushall,reply-cut', '--requests', '300']);

    expect(command).toMatchObject({ kind: 'run', plan: { requests: 300 } });
    const names = command.kind === 'run' ? command.plan.faults.map(({ name }) => name) : [];
    expect(names).toEqual(['flushall', 'reply-cut']);
  });

  it.each([
    [['--faults', 'flushall,earthquake'], 'no fault is called earthquake'],
    [['--requests', '10'], '--requests takes 200 to 20000'],
    [['--seed', '-1'], '--seed'],
    [['--seed', 'x'], '--seed takes 0 to'],
    [['--write', '--faults', 'flushall'], '--write needs all faults'],
    [['--loud'], '--loud'],
  ])('refuses %j', (args, message) => {
    const command = readCommand(args);

    expect(command.kind).toBe('mistake');
    expect(command).toHaveProperty('message', expect.stringContaining(message));
  });

  it('lists each fault once', () => {
    const lines = listText().split('\n');

    expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(lines.length);
    expect(lines).toHaveLength(FAULTS.length);
  });
});

describe('the plan of a load', () => {
  const planOf = (seed: number): readonly PlannedRequest[] => {
    const plan = plannedRequests(2000, seededRandom(seed));
    return Array.from({ length: 2000 }, () => plan.next().value as PlannedRequest);
  };
  const share = (of: (one: PlannedRequest) => boolean): number => {
    return planOf(1).filter(of).length / 2000;
  };

  it('is the same for the same seed, and another for another', () => {
    expect(planOf(1)).toEqual(planOf(1));
    expect(planOf(1)).not.toEqual(planOf(2));
  });

  it('begins with more requests at once than there are slots, none of which leaves', () => {
    const opening = planOf(1).slice(0, SLOTS + 1);

    expect(opening.filter(({ gapMs }) => gapMs > 0)).toEqual([]);
    expect(opening.filter(({ leavesAfterMs }) => leavesAfterMs !== undefined)).toEqual([]);
  });

  it('has lanes in its sessions, a few requests each, none of which outlasts a lease', () => {
    const laned = planOf(1).filter(({ lane }) => lane);
    const lanes = new Set(laned.map(({ session }) => session));

    expect(laned.length / 2000).toBeGreaterThan(0.03);
    expect(laned.length / lanes.size).toBeGreaterThan(3);
    expect(laned.every(({ chunkMs }) => chunkMs < LEASE_MS / TOKENS)).toBe(true);
  });

  it('has half streams, a tenth that leave, a fifth in sessions, over twelve seconds', () => {
    const lastsMs = planOf(1).reduce((sum, { gapMs }) => sum + gapMs, 0);

    expect(share(({ stream }) => stream)).toBeCloseTo(0.5, 1);
    expect(share(({ leavesAfterMs }) => leavesAfterMs !== undefined)).toBeCloseTo(0.1, 1);
    expect(share(({ session }) => session !== undefined)).toBeCloseTo(0.2, 1);
    expect(Math.abs(lastsMs - SPAN_MS)).toBeLessThan(2000);
  });
});
