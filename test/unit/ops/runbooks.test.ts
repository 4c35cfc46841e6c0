// The runbooks: every alert leads to one, and what they tell people to type, look at or set is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { listOptions } from '../../../src/config/options.ts';
import { commandsIn, faultOf } from '../../support/commands.ts';
import { knownMetrics, metricsIn } from '../../support/promql.ts';
import { readRules } from '../../support/rules.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const DIRECTORY = join(ROOT, 'docs/runbooks');
const SECTIONS = ['Symptom', 'Look', 'Decide', 'Act'];

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const runbooks = readdirSync(DIRECTORY).map((name) => {
  return { name, text: readFileSync(join(DIRECTORY, name), 'utf8') };
});

/** As renderers of Markdown name headings. */
const anchorsIn = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );

const isThere = (link: string): boolean => {
  const [path = '', anchor] = link.split('#');
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || anchorsIn(read(path)).includes(anchor);
};

describe('the runbooks', () => {
  it('are where the rules send people, who find the alert named there', () => {
    for (const { alert, annotations } of readRules()) {
      const url = annotations['runbook_url'] ?? '';
      expect(isThere(url), `${alert}: ${url}`).toBe(true);
      expect(read(url.split('#')[0] ?? ''), url).toContain(`\`${alert}\``);
    }
  });

  it('are where the alerts of daemons send people', () => {
    const meanings = read('src/alerts/meanings.ts');
    const files = [...meanings.matchAll(/runbook: '([^']+)'/g)].map(([, file = '']) => file);
    const alerts = [...meanings.matchAll(/'((?:Slotkeeper|CostSim)\w+)'/g)].map(([, name]) => name);

    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((file) => !isThere(`docs/runbooks/${file}`))).toEqual([]);
    const all = runbooks.map(({ text }) => text).join('\n');
    expect(alerts.filter((name) => !all.includes(`\`${name ?? ''}\``))).toEqual([]);
  });

  it.each(runbooks)('$name goes from the symptom to what to do', ({ text }) => {
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);

    expect(headings.slice(0, SECTIONS.length)).toEqual(SECTIONS);
  });

  it.each(runbooks)('$name has commands that the command line knows', ({ text }) => {
    const program = createProgram();

    const commands = commandsIn(text);

    expect(commands.length).toBeGreaterThan(0);
    expect(commands.flatMap((typed) => faultOf(program, typed) ?? [])).toEqual([]);
  });

  it.each(runbooks)('$name names metrics, options and documents that are there', ({ text }) => {
    const metrics = new Set(
      [...knownMetrics()].map((one) => one.replace(/_(bucket|sum|count)$/, '')),
    );
    const options = listOptions().map(({ path }) => path);
    const groups = [...new Set(options.map((path) => path.split('.')[0]))].join('|');
    const named = [...text.matchAll(new RegExp(`\`((?:${groups})\\.[\\w.]+)`, 'g'))];
    const links = [...text.matchAll(/\]\(([^)#]*)(#[^)]*)?\)/g)];

    expect(metricsIn(text).filter((one) => !metrics.has(one))).toEqual([]);
    expect(named.map(([, path]) => path).filter((path) => !isOption(options, path))).toEqual([]);
    for (const [, path = '', anchor = ''] of links) {
      const target = path === '' ? text : readFileSync(join(DIRECTORY, path), 'utf8');
      if (anchor !== '') expect(anchorsIn(target)).toContain(anchor.slice(1));
    }
  });
});

/** Also a group of options. */
function isOption(options: readonly string[], path = ''): boolean {
  return options.some((one) => one === path || one.startsWith(`${path}.`));
}

describe('the check of commands', () => {
  const program = createProgram();

  it.each([
    ['slotkeeper costsim stats', 'costsim needs one of its commands'],
    ['slotkeeper costsim status --verbose', 'there is no option --verbose of status'],
    ['slotkeeper costsim disable', 'disable needs --reason <text>'],
    ['slotkeeper breaker reset', 'too few words for reset'],
    ['slotkeeper audit now', 'too many words for audit'],
  ])('refuses %s', (typed, fault) => {
    expect(faultOf(program, typed)).toBe(fault);
  });

  it('finds commands in blocks and in sentences', () => {
    const text = 'Type `slotkeeper audit` or\n\n  ```sh\n  slotkeeper reap  # now\n  ls\n  ```\n';

    expect(commandsIn(text)).toEqual(['slotkeeper reap', 'slotkeeper audit']);
  });
});
