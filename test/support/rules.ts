// The files of ops/prometheus as tests read them: rules, the cases of promtool, names of metrics in
// expressions. What Prometheus thinks of them is promtool's matter.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

export const OPS = resolve(import.meta.dirname, '../../ops');
const RULES = join(OPS, 'prometheus/rules');
const CASES = join(OPS, 'prometheus/tests');

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleCase {
  readonly alertname: string;
  readonly fires: boolean;
}

const filesIn = (directory: string): readonly string[] =>
  readdirSync(directory)
    .sort()
    .map((name) => join(directory, name));

export const ruleFiles = (): readonly string[] => filesIn(RULES);
export const caseFiles = (): readonly string[] => filesIn(CASES);

export function readRules(): readonly Rule[] {
  return ruleFiles().flatMap((file) => {
    const { groups } = parse(readFileSync(file, 'utf8')) as {
      readonly groups: readonly { readonly rules: readonly Rule[] }[];
    };
    return groups.flatMap(({ rules }) => rules);
  });
}

interface CaseFile {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

export function readCases(): readonly RuleCase[] {
  return caseFiles().flatMap((file) => {
    const { tests } = parse(readFileSync(file, 'utf8')) as CaseFile;
    const all = tests.flatMap(({ alert_rule_test: cases }) => cases);
    return all.map(({ alertname, exp_alerts: expected }) => {
      return { alertname, fires: expected.length > 0 };
    });
  });
}
