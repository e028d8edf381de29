import type { MemberRole } from '../../src/domain/member.ts';
import type { TestApp } from './app.ts';
import { bearer, type SignedIn, signUp } from './journey.ts';

export type TestMember = SignedIn & {
  readonly role: MemberRole;
  /** The headers of a call of the member about the tenant. */
  readonly headers: { readonly authorization: string; readonly 'manam-tenant': string };
};

/** A user of Manam. */
export function signUpAtManam(test: TestApp): Promise<SignedIn> {
  return signUp(test, { apieco_key: test.manam.publishable });
}

/** The headers of a member's call about a tenant. */
export function ofTenant({ accessToken }: Pick<SignedIn, 'accessToken'>, slug = 'dev') {
  return { ...bearer(accessToken), 'manam-tenant': slug };
}

/** A user of Manam who has a role in a tenant. */
export async function makeMember(test: TestApp, role: MemberRole, slug = 'dev'): Promise<TestMember> {
  const user = await signUpAtManam(test);
  const tenant = await test.app.store.tenants.findBySlug(slug);
  const member = { tenantId: tenant?.id ?? '', userId: user.userId, role, createdAt: test.now() };
  await test.app.store.members.insert(member);
  return { ...user, role, headers: ofTenant(user, slug) };
}
