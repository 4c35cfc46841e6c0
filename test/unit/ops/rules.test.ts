// Every rule of ops/prometheus is complete: urgency, one sentence, a runbook, and cases of both kinds.
import { describe, expect, it } from 'vitest';
import { readCases, readRules } from '../../support/rules.ts';

const rules = readRules();
const names = rules.map(({ alert }) => alert).sort();

/** Promised names and their urgency; more may be there. */
const PROMISED = {
  CostSimV2HighDrift: 'P1',
  CostSimV2CircuitBreakerOpen: 'P1',
  CostSimRapidCBTrips: 'P1',
  CostSimV2DriftWarning: 'P2',
  CostSimV2CanaryFailure: 'P2',
  CostSimAlertQueueBacklog: 'P2',
  CostSimAlertSendFailures: 'P2',
  CostSimHighConsecutiveFailures: 'P2',
};

describe('the rules of ops/prometheus', () => {
  it('have those that were promised, with their urgency', () => {
    const severities = new Map(rules.map(({ alert, labels }) => [alert, labels['severity']]));

    expect(Object.fromEntries(severities)).toMatchObject(PROMISED);
    expect(severities.size).toBe(rules.length);
  });

  it('say how urgent they are, what is the matter, and where to read on', () => {
    for (const { alert, labels, annotations } of rules) {
      expect(labels, alert).toEqual(expect.objectContaining({ service: 'slotkeeper' }));
      expect(labels['severity'], alert).toMatch(/^P[123]$/);
      expect(annotations['summary'], alert).toMatch(/^.{10,}\.$/);
      expect(annotations['runbook_url'], alert).toMatch(
        /^docs\/runbooks\/[a-z-]+\.md(#[a-z0-9-]+)?$/,
      );
    }
  });

  it('have a case in which they fire and one in which they do not, each', () => {
    const cases = readCases();
    const casesOf = (fires: boolean): readonly string[] =>
      [...new Set(cases.filter((one) => one.fires === fires).map((one) => one.alertname))].sort();

    expect(names.length).toBeGreaterThan(20);
    expect(casesOf(true)).toEqual(names);
    expect(casesOf(false)).toEqual(names);
  });
});
