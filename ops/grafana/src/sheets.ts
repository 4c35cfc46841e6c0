// Which dashboards there are, and what their files say.
import { costsim } from './costsim.ts';
import { deferral } from './deferral.ts';
import { overview } from './overview.ts';
import { buildDashboard, type Sheet } from './panels.ts';
import { pools } from './pools.ts';
import { tenants } from './tenants.ts';

export const SHEETS: readonly Sheet[] = [overview, pools, tenants, costsim, deferral];

export const fileOf = ({ uid }: Sheet): string => `${uid}.json`;

export function textOf(sheet: Sheet): string {
  return `${JSON.stringify(buildDashboard(sheet), null, 2)}\n`;
}
