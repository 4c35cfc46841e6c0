// @module-tag redis_required
// Bull Board over the queues of deferred jobs: who may look, what is shown, and that nothing changes.
import { describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, startAdmin } from '../../support/admin-api.ts';
import { aDeferral, aJob } from '../../support/deferrals.ts';
import { useRedis } from '../../support/redis.ts';

const store = useRedis();
const SECRET = 'what nobody else may read';
const SUMMARIZE = 'deferred-summarize';

const basic = (name: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});
const LOGIN = basic('anybody', ADMIN_TOKEN);

/** With one parked job that says what nobody else may read. */
async function aBoard() {
  const cell = store.cell();
  const deferral = await aDeferral(store, { cell, isStarted: false });
  const body = JSON.stringify({ model: 'deep', messages: [{ role: 'user', content: SECRET }] });
  const request = { path: '/v1/chat/completions', headers: { 'x-note': SECRET }, body };
  const submission = await deferral.submit(aJob({ request }));
  if (submission.kind === 'full') throw new Error('full');
  const { id } = submission.job;
  const { url } = await startAdmin(store, { cell, deferral });
  const look = (path: string, init: RequestInit = { headers: LOGIN }) =>
    fetch(`${url}/admin/queues${path}`, init);
  return { deferral, id, look };
}

describe('the board of queues', () => {
  it('asks browsers for the token, and opens to no other password', async () => {
    const { look } = await aBoard();

    const answers = await Promise.all([
      look('', {}),
      look('/api/queues', {}),
      look('/static/favicon.ico', {}),
      look('', { headers: basic('admin', 'wrong-token-0123456') }),
      look('', { headers: basic(ADMIN_TOKEN, '') }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    for (const { headers } of answers) {
      expect(headers.get('www-authenticate')).toBe('Basic realm="Slotkeeper", charset="UTF-8"');
    }
  });

  it.each([
    ['the password of any name', LOGIN],
    ['a bearer token', { authorization: `Bearer ${ADMIN_TOKEN}` }],
  ])('opens to the token as %s', async (_how, headers) => {
    const { look } = await aBoard();

    const { status } = await look('/api/queues', { headers });

    expect(status).toBe(200);
  });

  it('is a page whose scripts and styles are all its own', async () => {
    const { look } = await aBoard();

    const page = await look('');
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, path]) => path);
    const answers = await Promise.all(files.map((path = '') => look(`/${path}`)));

    expect(page.status).toBe(200);
    expect(html).toContain('<base href="/admin/queues/"');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(page.headers.get('x-powered-by')).toBeNull();
    expect(files.length).toBeGreaterThan(2);
    expect(answers.map(({ status }) => status)).toEqual(files.map(() => 200));
  });

  it('shows queues and jobs by their names and states, and not what was asked', async () => {
    const { look, id } = await aBoard();
    const paths = [`/api/queues?activeQueue=${SUMMARIZE}`, `/api/queues/${SUMMARIZE}/${id}`];

    const answers = await Promise.all(paths.map((path) => look(path)));
    const [list = '', job = ''] = await Promise.all(answers.map((one) => one.text()));

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(JSON.parse(list)).toMatchObject({
      queues: expect.arrayContaining([
        expect.objectContaining({
          name: SUMMARIZE,
          readOnlyMode: true,
          counts: expect.objectContaining({ delayed: 1 }) as unknown,
          jobs: [expect.objectContaining({ id, name: 'summarize', data: {} })],
        }),
      ]) as unknown,
    });
    expect(JSON.parse(job)).toMatchObject({ status: 'delayed', job: { id, data: {} } });
    expect(list + job).not.toContain(SECRET);
  });

  it('tells nothing of the server', async () => {
    const { look } = await aBoard();

    const stats = await look('/api/redis/stats');

    expect(stats.status).toBe(403);
  });

  it('changes nothing', async () => {
    const { look, id, deferral } = await aBoard();
    const calls = [
      ['PUT', `/api/queues/${SUMMARIZE}/${id}/promote`],
      ['PUT', `/api/queues/${SUMMARIZE}/${id}/clean`],
      ['PUT', '/api/queues/pause'],
      ['PUT', `/api/queues/${SUMMARIZE}/obliterate`],
      ['PATCH', `/api/queues/${SUMMARIZE}/${id}/update-data`],
      ['POST', `/api/queues/${SUMMARIZE}/add`],
    ] as const;

    const answers = await Promise.all(
      calls.map(([method, path]) => look(path, { method, headers: LOGIN })),
    );

    expect(answers.map(({ status }) => status)).toEqual(calls.map(() => 405));
    expect(await deferral.find(undefined, id)).toMatchObject({ status: 'deferred' });
    const [queue] = deferral.queues.filter(({ name }) => name === SUMMARIZE);
    expect([await queue?.getDelayedCount(), await queue?.isPaused()]).toEqual([1, false]);
  });

  it('is not there where nothing is deferred', async () => {
    const { url } = await startAdmin(store);

    const { status } = await fetch(`${url}/admin/queues`, { headers: LOGIN });

    expect(status).toBe(401);
  });
});
