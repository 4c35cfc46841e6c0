// `npm run dashboards`: writes the files that Grafana is provisioned with.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileOf, SHEETS, textOf } from './src/sheets.ts';

for (const sheet of SHEETS) {
  const file = join(import.meta.dirname, 'dashboards', fileOf(sheet));
  writeFileSync(file, textOf(sheet));
  process.stdout.write(`${file}\n`);
}
