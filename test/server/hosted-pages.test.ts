import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { useTestApp } from '../support/app.ts';

const testApp = useTestApp();
const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(testApp().url + path, { headers, redirect: 'manual' });
const loadedBy = (html: string) =>
  [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? '');

test.each(['/account/dev/', '/console/', '/console/dev/users'])(
  '%s admits nothing of other hosts, nothing inline, no cookies',
  async (path) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const html = await response.text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
  },
);

test('the first page is under 69 kB compressed with all that it imports, which may be kept for ever', async () => {
  const html = await (await get('/account/dev/')).text();
  let bytes = gzipSync(html).length;
  for (const path of loadedBy(html)) {
    const response = await get(path, { 'accept-encoding': 'gzip' });
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    bytes += Number(response.headers.get('content-length'));
    // Not as for development: with the paths of the machine that built them.
    expect(await response.text()).not.toContain('.tsx');
  }
  expect(bytes).toBeLessThan(69_000);
  expect(bytes).toBeGreaterThan(50_000);
});

test('chooses the language of the address, else the browser’s, else the tenant’s', async () => {
  const languageOf = async (path: string, accept?: string) =>
    /<html lang="(\w+)"/.exec(
      await (await get(path, accept === undefined ? {} : { 'accept-language': accept })).text(),
    )?.[1];
  expect(await languageOf('/account/dev/', 'fa-IR,fa;q=0.9')).toBe('fa');
  expect(await languageOf('/account/dev/?lang=en', 'fa')).toBe('en');
  const { app, catchUp } = testApp();
  const manam = await app.store.tenants.findBySlug('manam');
  if (manam === undefined) throw new Error('there is a tenant manam');
  await app.store.tenants.update(manam.id, { policy: { ...manam.policy, defaultLocale: 'fa' } });
  await catchUp();
  expect(await languageOf('/account/manam/', 'de')).toBe('fa');
});

test('serves one page for every path of a tenant, and 404 for other tenants and files', async () => {
  expect((await get('/account/dev/confirm?cnf=x')).status).toBe(200);
  expect((await get('/account/dev')).status).toBe(200);
  const home = await get('/account');
  expect([home.status, home.headers.get('location')]).toEqual([302, '/account/manam/']);
  for (const path of [
    '/account/nobody/',
    '/account/-/nothing.js',
    '/account/-/manifest.json',
    '/account/%2e%2e/',
  ])
    expect((await get(path)).status, path).toBe(404);
  const posted = await fetch(`${testApp().url}/account/dev/`, { method: 'POST' });
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test('a suspended tenant has no pages until it is resumed', async () => {
  const { app, url, catchUp } = testApp();
  const dev = await app.store.tenants.findBySlug('dev');
  await app.store.tenants.update(dev?.id ?? '', { status: 'suspended' });
  await catchUp();
  expect((await fetch(`${url}/account/dev/`)).status).toBe(404);
  await app.store.tenants.update(dev?.id ?? '', { status: 'active' });
  await catchUp();
  expect((await fetch(`${url}/account/dev/`)).status).toBe(200);
});

test('escapes the tenant’s name in the page', async () => {
  const { app, url, catchUp } = testApp();
  const dev = await app.store.tenants.findBySlug('dev');
  await app.store.tenants.update(dev?.id ?? '', { name: `"><script>alert(1)</script>'&` });
  await catchUp();
  const html = await (await fetch(`${url}/account/dev/`)).text();
  expect(html).not.toContain('<script>alert');
  expect(html.match(/<script/g)).toHaveLength(1);
  await app.store.tenants.update(dev?.id ?? '', { name: 'Dev' });
});

test('replaces a revoked key of the pages, and caches it between views', async () => {
  const { app, url, now, catchUp, takeStatements } = testApp();
  const keyOf = async () => /manam_pk_[\w-]+/.exec(await (await fetch(`${url}/account/manam/`)).text())?.[0];
  const tenant = await app.store.tenants.findBySlug('manam');
  const first = await keyOf();
  await app.store.tenants.revokeKeys(tenant?.id ?? '', now());
  await catchUp();
  const second = await keyOf();
  expect(second).toMatch(/^manam_pk_/);
  expect(second).not.toBe(first);
  await takeStatements();
  for (let view = 0; view < 20; view += 1) await keyOf();
  for (let view = 0; view < 20; view += 1) await fetch(`${url}/account/nobody/`);
  expect((await takeStatements()).length).toBeLessThanOrEqual(2);
});
