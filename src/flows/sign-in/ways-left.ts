import type { Caller } from '../../domain/caller.ts';
import { manamProvider } from '../../domain/external-identity.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { UserView } from '../../domain/user.ts';
import type { Connections } from '../federation/connections.ts';

/** Whether a user could sign in without any passkey: only by what the tenant has switched on. */
export async function hasOtherWay(
  connections: Connections,
  { users, identities }: Pick<Repositories, 'users' | 'identities'>,
  { tenant }: Caller,
  { user, email, mobile }: UserView,
): Promise<boolean> {
  const { codeSignIn, passkeys, manam } = tenant.policy;
  const isReached = email?.confirmedAt !== undefined || mobile?.confirmedAt !== undefined;
  if (codeSignIn.enabled && isReached) return true;
  const hasPassword = (await users.findPasswordHash(user.tenantId, user.id)) !== undefined;
  if (hasPassword && passkeys.passwordless !== 'tenant') return true;
  const held = await identities.listOfUser(user.tenantId, user.id);
  if (held.length === 0) return false;
  const open = new Set((await connections.list(tenant)).map(({ name }) => name));
  if (manam.enabled) open.add(manamProvider);
  return held.some(({ provider }) => open.has(provider));
}
