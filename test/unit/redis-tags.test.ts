// Tests that need a Redis server say so, and unit tests never do.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, readSources } from '../support/imports.ts';
import type { SourceFile } from '../support/imports.ts';
import { checkTags, filesThatOpenRedis } from '../support/redis-tags.ts';

const TEST_DIRECTORY = resolve(import.meta.dirname, '..');

function aFile(path: string, text: string): SourceFile {
  return { path, text, imports: importsOf(text, (to) => to.replace(/^(\.\.\/)+/, '')) };
}

describe('the files of test/', () => {
  const sources = readSources(TEST_DIRECTORY);

  it('carry the tag redis_required where they open Redis, and only there', () => {
    const faults = checkTags(sources);

    expect(faults).toEqual({ untagged: [], needless: [] });
  });

  it('of the unit tests open no Redis at all', () => {
    const opening = filesThatOpenRedis(sources).filter((path) => path.startsWith('unit/'));

    expect(opening).toEqual([]);
  });

  it('include some that do open Redis, so that this check sees them', () => {
    expect(filesThatOpenRedis(sources)).toContain('integration/redis/connection.test.ts');
  });
});

describe('the check itself', () => {
  it('names a file that opens Redis without the tag', () => {
    const file = aFile('integration/a.test.ts', `const server = useRedis();`);

    expect(checkTags([file]).untagged).toEqual(['integration/a.test.ts']);
  });

  it('names a file that opens Redis through a helper', () => {
    const helper = aFile('support/cell.ts', `export const redis = await connectRedis(url);`);
    const file = aFile('lua/b.test.ts', `import { redis } from '../support/cell.ts';`);

    expect(checkTags([helper, file]).untagged).toEqual(['lua/b.test.ts']);
  });

  it('accepts a file with the tag', () => {
    const file = aFile('lua/c.test.ts', `// @module-tag redis_required\nuseRedis();`);

    expect(checkTags([file])).toEqual({ untagged: [], needless: [] });
  });

  it('names a tag that nothing needs', () => {
    const file = aFile('unit/d.test.ts', `// @module-tag redis_required\nexport {};`);

    expect(checkTags([file]).needless).toEqual(['unit/d.test.ts']);
  });
});
