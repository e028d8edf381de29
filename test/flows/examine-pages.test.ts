import { expect, test } from 'vitest';
import { defaultPolicy } from '../../src/domain/tenant-policy.ts';
import { examinePages } from '../../src/flows/admin/examine-pages.ts';
import { createMemoryStore } from '../support/memory/store.ts';

const here = 'https://id.example.com';

test('a tenant whose messages lead to the address that the service had before is found', async () => {
  const store = createMemoryStore();
  const make = (slug: string, origin: string, confirm?: string) =>
    store.tenants.insert({
      id: crypto.randomUUID(),
      slug,
      name: slug,
      status: 'active',
      policy: {
        ...defaultPolicy(origin, slug),
        pages: { ...defaultPolicy(origin, slug).pages, ...(confirm && { confirm }) },
      },
      createdAt: new Date(),
    });
  await make('here', here);
  await make('own', here, 'https://own.example/account/own/confirm-it');
  await make('elsewhere', here, 'https://pages.example/confirm');
  const detail = 'the hosted pages are those of this service';
  expect(await examinePages(store, here)).toEqual([{ check: 'tenants.pages', state: 'ok', detail, fix: '' }]);
  await make('moved', 'http://localhost:8080');
  expect((await examinePages(store, '')).map(({ state }) => state)).toEqual(['ok']);
  expect(await examinePages(store, here)).toEqual([
    {
      check: 'tenants.pages',
      state: 'warning',
      detail: `moved: pages.confirm, pages.recover, pages.twoFactor of another origin than ${here}`,
      fix: 'manam tenant set moved --set pages.confirm=null --set pages.recover=null --set pages.twoFactor=null',
    },
  ]);
});
