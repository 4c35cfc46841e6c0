// `npm run test:alone`: every test file in a run of its own. A suite that is green together and red
// apart leans on something that another file left behind.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, say, setUp } from './setup.mjs';
import { runVitest } from './vitest-run.mjs';

await setUp();
const entries = readdirSync(join(ROOT, 'test'), { recursive: true });
const files = entries.filter((name) => name.endsWith('.test.ts')).map((name) => join('test', name));
const wanted = process.argv.slice(2);
const chosen = files.filter((file) => wanted.length === 0 || wanted.some((w) => file.includes(w)));

const red = [];
for (const file of chosen.sort()) {
  say(`\n${file}`);
  const { failed } = await runVitest([file]);
  if (failed > 0) red.push(file);
}

for (const file of red) say(`failed alone: ${file}`);
process.stdout.write(`${chosen.length - red.length} passed, ${red.length} failed\n`);
process.exitCode = red.length === 0 && chosen.length > 0 ? 0 : 1;
