import { expect, test } from 'vitest';
import { defaultPolicy } from '../../src/domain/tenant-policy.ts';
import { examinePasskeySites } from '../../src/flows/passkeys/examine-sites.ts';
import { createMemoryStore } from '../support/memory/store.ts';

// What `manam doctor` says of the sites that tenants name as their relying party.

const pageOrigin = 'https://id.example.net';

async function findingsFor(
  site: { rpId: string; origins?: string[]; status?: 'active' | 'suspended' },
  body: unknown,
) {
  const store = createMemoryStore();
  const policy = defaultPolicy(pageOrigin, 'acme');
  await store.tenants.insert({
    id: '01a22303-5fd0-742f-bbf3-1a4b249a2efc',
    slug: 'acme',
    name: 'Acme',
    status: site.status ?? 'active',
    policy: { ...policy, passkeys: { ...policy.passkeys, rpId: site.rpId, origins: site.origins ?? [] } },
    createdAt: new Date(),
  });
  const asked: string[] = [];
  const findings = await examinePasskeySites({
    store,
    pageOrigin,
    outgoingFetch: async (url) => {
      asked.push(String(url));
      if (body === undefined) throw new Error('unreachable');
      return Response.json(body);
    },
  });
  return { asked, states: findings.map(({ state, detail }) => [state, detail]) };
}

test('a site that names the pages is in order', async () => {
  const { asked, states } = await findingsFor({ rpId: 'example.com' }, { origins: [pageOrigin] });
  expect(asked).toEqual(['https://example.com/.well-known/webauthn']);
  expect(states).toEqual([['ok', 'acme: https://example.com/.well-known/webauthn names the pages']]);
});

test('what is missing is named, and a site that cannot be read is a warning', async () => {
  const site = { rpId: 'example.com', origins: ['https://shop.example.com', 'https://example.org'] };
  expect((await findingsFor(site, { origins: [pageOrigin] })).states).toEqual([
    ['warning', 'acme: https://example.com/.well-known/webauthn does not name https://example.org'],
  ]);
  for (const body of [{}, { origins: 'x' }, []])
    expect((await findingsFor(site, body)).states[0]?.[0]).toBe('warning');
  expect((await findingsFor(site, undefined)).states).toEqual([
    ['warning', 'acme: https://example.com/.well-known/webauthn cannot be read'],
  ]);
});

test('no site is asked where none is needed', async () => {
  const none = [['ok', 'no site is needed']];
  for (const site of [
    { rpId: '' },
    { rpId: 'example.net' },
    { rpId: 'example.com', status: 'suspended' as const },
  ]) {
    const { asked, states } = await findingsFor(site, {});
    expect([asked, states]).toEqual([[], none]);
  }
});
