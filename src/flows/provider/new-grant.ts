import type { Application } from '../../domain/application.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Consent, Grant } from '../../domain/grant.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories } from '../../domain/repositories.ts';
import type { CallerSession } from '../../domain/session.ts';
import { record } from '../events/record.ts';

/** A grant as a user makes it: its life begins with its first tokens. */
export function newGrant(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  tenantId: string,
  { id: sessionId, userId, authTime, amr }: CallerSession,
  { clientId }: Pick<Application, 'clientId'>,
  { scopes, resources }: Pick<Grant, 'scopes' | 'resources'>,
  expiresAt: Date,
): Grant {
  const now = clock();
  return {
    tenantId,
    id: random.uuid(),
    userId,
    clientId,
    sessionId,
    scopes,
    resources,
    authTime,
    amr,
    refreshCounter: 0,
    refreshSalt: random.bytes(32),
    refreshedAt: now,
    createdAt: now,
    idleExpiresAt: expiresAt,
    expiresAt,
  };
}

/** The scopes that the consent page of "Login with Manam" names. */
export const manamScopes = ['openid', 'profile', 'email'];

/** Keeps the consent of a user. For the application of another tenant at Manam it is the consent to that tenant as well. */
export async function noteConsent(
  deps: { readonly clock: Clock; readonly random: Random },
  repositories: Pick<Repositories, 'grants' | 'identities' | 'tenants' | 'events'>,
  caller: Caller,
  userId: string,
  { clientId, settings: { sector } }: Application,
  { scopes, resources }: Pick<Consent, 'scopes' | 'resources'>,
): Promise<void> {
  const { grants, identities, tenants } = repositories;
  const now = deps.clock();
  await grants.consent(caller.tenant.id, userId, { clientId, scopes, resources, createdAt: now });
  const consented = sector === '' ? undefined : await tenants.findBySlug(sector);
  if (consented !== undefined) await identities.consent(caller.tenant.id, userId, consented.id, now);
  await record(repositories, deps, caller, { type: 'consent.granted', details: { application: clientId } });
}
