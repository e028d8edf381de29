import type { Client } from '@connectrpc/connect';
import { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { systemRandom } from '../../src/adapters/random.ts';
import { formatApiKey } from '../../src/domain/api-key.ts';
import { sha256 } from '../../src/domain/token.ts';
import type { TestApp } from './app.ts';
import { bearer } from './journey.ts';
import { protocols } from './protocols.ts';

export type Admin = Client<typeof AdminService>;

/** Makes a key of an operator, as the command line would. */
export async function makeAdminKey({ app, now }: TestApp): Promise<string> {
  const text = formatApiKey('admin', systemRandom.bytes(32));
  const key = { id: systemRandom.uuid(), name: 'test', createdAt: now(), revokedAt: undefined };
  await app.store.adminKeys.insert({ ...key, digest: sha256(text) });
  return text;
}

/** A client of the admin service of an app that serves one. */
export async function connectAdmin(test: TestApp): Promise<Admin> {
  const [first] = protocols;
  if (first === undefined) throw new Error('there is a protocol');
  return first.connect(AdminService, test.adminUrl, bearer(await makeAdminKey(test)));
}

/** Makes a tenant with a publishable and a secret key. */
export async function makeTenant(admin: Admin, slug: string, policy = {}) {
  const { tenant } = await admin.createTenant({
    slug,
    policy: {
      senders: { default: `info@${slug}.example` },
      defaultCountry: 'IR',
      countries: ['IR'],
      ...policy,
    },
  });
  const publishable = await admin.createKey({ tenant: slug, kind: 1 });
  const secret = await admin.createKey({ tenant: slug, kind: 2, scopes: ['users.read', 'users.write'] });
  return {
    id: tenant?.tenantId ?? '',
    slug,
    publishable: { id: publishable.key?.keyId ?? '', text: publishable.text },
    secret: { id: secret.key?.keyId ?? '', text: secret.text },
  };
}
