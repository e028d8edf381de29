import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import { type ExternalIdentity, manamProvider } from '../../domain/external-identity.ts';
import { passkeysOf, relyingPartyOf } from '../../domain/passkey.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import { type AccessStores, afterChange, assertMayChange } from '../after-change.ts';
import { type RecordDeps, record, recordingFailure } from '../events/record.ts';
import { notifyUser } from '../messages.ts';
import { ownSession } from '../sessions/own-session.ts';
import { hasOtherWay } from '../sign-in/ways-left.ts';
import type { Connections, ListedConnection } from './connections.ts';
import { type TakeCodeDeps, takeLoginCode } from './return-code.ts';

export type ProviderLinkDeps = RecordDeps &
  Omit<TakeCodeDeps, 'store'> & {
    readonly store: Store<AccessStores | 'users' | 'identities' | 'authenticators' | 'outbox' | 'events'>;
    readonly connections: Connections;
    /** The origin of the hosted pages, whose host is the relying party of tenants that name none. */
    readonly pageOrigin: string;
  };

/** The code that a browser returned with, and the verifier of its challenge. */
export type FinishLinkCommand = { readonly code: string; readonly codeVerifier: string };

/** The connections of a user's account with identity providers. */
export function createProviderLinks(deps: ProviderLinkDeps) {
  const { store, connections, clock } = deps;

  return {
    /** What the tenant's users may sign in with in a browser, in its order. */
    list: (caller: Caller): Promise<ListedConnection[]> => connections.list(caller.tenant),

    /** The caller's own identities, the oldest first. */
    async listLinked(caller: Caller): Promise<ExternalIdentity[]> {
      const { userId } = ownSession(caller);
      const identities = await store.identities.listOfUser(caller.tenant.id, userId);
      return identities.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
    },

    /** Connects what the browser returned with, in the session that began it. */
    finish: (
      caller: Caller,
      { provider, ...command }: FinishLinkCommand & { readonly provider: string },
    ): Promise<void> =>
      recordingFailure(deps, caller, { type: 'identity.link_failed', details: { provider } }, async () => {
        const session = ownSession(caller);
        const { userId, id: sessionId } = session;
        const { challenge, content } = await takeLoginCode(deps, caller, 'provider-link', command);
        const { issuer = '', subject = '', email = '' } = content;
        const profile = email === '' ? {} : { email };
        if (challenge.userId !== userId || content.sessionId !== sessionId || content.provider !== provider)
          throw new DomainError('CODE_INVALID');
        const { id: tenantId } = caller.tenant;
        const view = await store.users.findById(tenantId, userId);
        if (view === undefined) throw new DomainError('TOKEN_INVALID');
        const identity = { tenantId, issuer, subject, userId, provider, profile, createdAt: clock() };
        try {
          await store.transaction(async (repositories) => {
            if (!(await repositories.challenges.consume(tenantId, challenge.id, clock())))
              throw new DomainError('CODE_INVALID');
            await assertMayChange(repositories, clock, { ...caller, session }, view.user);
            const known = await repositories.identities.find(tenantId, issuer, subject);
            if (known?.userId === userId) return;
            await repositories.identities.insert(identity);
            await notifyUser(deps, repositories, caller, view, 'identity-linked');
            await record(repositories, deps, caller, { type: 'identity.linked', details: { provider } });
          });
        } catch (error) {
          throw error instanceof DuplicateError ? new DomainError('IDENTITY_TAKEN') : error;
        }
      }),

    /** Takes the connection away, unless the user could not sign in any more without it. */
    async unlink(caller: Caller, { provider }: { readonly provider: string }): Promise<void> {
      const { holder: view } = ownSession(caller);
      const { tenantId, id: userId } = view.user;
      // That of Manam has a consent at its other end, and no connection here to begin it again by.
      if (provider === manamProvider) throw new DomainError('NOT_FOUND');
      await store.transaction(async (repositories) => {
        // Two calls that take one connection each must not take both.
        await repositories.authenticators.findForUpdate(tenantId, userId);
        if ((await repositories.identities.remove(tenantId, userId, provider)) === 0)
          throw new DomainError('NOT_FOUND');
        const { policy } = caller.tenant;
        const { rpId } = relyingPartyOf(policy, deps.pageOrigin);
        const held = passkeysOf(await repositories.authenticators.list(tenantId, userId));
        // One that was made for another site opens nothing any more.
        const hasPasskey = policy.passkeys.mode !== 'off' && held.some((passkey) => passkey.rpId === rpId);
        if (!hasPasskey && !(await hasOtherWay(connections, repositories, caller, view)))
          throw new DomainError('LAST_SIGN_IN');
        const event = { type: 'identity.unlinked', details: { provider } } as const;
        await afterChange(deps, repositories, caller, view, { notice: 'identity-linked', event });
      });
    },
  };
}

export type ProviderLinks = ReturnType<typeof createProviderLinks>;
