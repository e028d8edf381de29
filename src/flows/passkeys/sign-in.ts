import type { AccessTokens } from '../../domain/access-token.ts';
import type { AuthenticationMethod } from '../../domain/authentication.ts';
import type { Caller } from '../../domain/caller.ts';
import { DomainError } from '../../domain/errors.ts';
import { type IdentifierInput, type ParsedIdentifier, parseIdentifier } from '../../domain/identifier.ts';
import { methodOf, passkeyLookup, passkeysOf, toPasskey } from '../../domain/passkey.ts';
import { decoyOf } from '../../domain/passkey-decoy.ts';
import type { Store } from '../../domain/repositories.ts';
import { isSecondFactor } from '../../domain/sign-in.ts';
import type { Vault } from '../../domain/vault.ts';
import { type RecordDeps, record, recordingFailure } from '../events/record.ts';
import { shadowSubject } from '../password-check.ts';
import { ownSession } from '../sessions/own-session.ts';
import {
  type CompleteSignIn,
  type IssuedTokens,
  issueTokens,
  type SignedIn,
  type SignInResult,
} from '../sign-in/complete.ts';
import type { FinishPending } from '../sign-in/second-factor.ts';
import { type Ceremonies, passkeyRefusal, requestOptions, type WebAuthnJson } from './ceremony.ts';
import type { ProvedPasskey, ProvePasskey } from './prove.ts';

export type PasskeySignInDeps = RecordDeps & {
  readonly store: Store<'users' | 'authenticators' | 'sessions' | 'factorResets' | 'events'>;
  readonly ceremonies: Ceremonies;
  readonly prove: ProvePasskey;
  readonly signIn: CompleteSignIn;
  readonly finishPending: FinishPending;
  readonly accessTokens: AccessTokens;
  readonly vault: Vault;
};

type CredentialCommand = { readonly credential: WebAuthnJson };

/** The identifier that a sign-in named, as its challenge binds it. */
const subjectOf = ({ kind, canonical }: Pick<ParsedIdentifier, 'kind' | 'canonical'>) =>
  `${kind} ${canonical}`;

/** How a sign-in authenticated: presence alone is one factor, a verified user two where the policy says so. */
function methodsOf({ tenant }: Caller, { passkey, isUserVerified }: ProvedPasskey): AuthenticationMethod[] {
  const isBoth = isUserVerified && tenant.policy.passkeys.assurance === 'two-factors';
  return [methodOf(passkey), 'user', ...(isBoth ? (['mfa'] as const) : [])];
}

/** Signing in with a passkey: as the whole sign-in, as its second factor, and to renew a session's freshness. */
export function createPasskeySignIn(deps: PasskeySignInDeps) {
  const { store, prove, ceremonies, signIn, finishPending, vault, clock } = deps;

  const rowsOf = ({ tenant }: Caller, userId: string) => store.authenticators.list(tenant.id, userId);

  /** One of the user's own passkeys, for whatever relying party it was made. */
  const findOwn = (caller: Caller, userId: string) => async (credentialId: string) =>
    (await rowsOf(caller, userId)).find(
      (row) => row.kind === 'passkey' && toPasskey(row).credentialId === credentialId,
    );

  async function finish(
    caller: Caller,
    { credential, remember }: CredentialCommand & { readonly remember: boolean },
  ): Promise<SignInResult> {
    const { rpId } = ceremonies.relyingParty(caller);
    const { id: tenantId } = caller.tenant;
    const proved = await prove(caller, credential, {
      purpose: 'sign-in',
      find: async (credentialId) => {
        const row = await store.authenticators.findByLookup(tenantId, passkeyLookup(rpId, credentialId));
        return row?.kind === 'passkey' ? row : undefined;
      },
      subjectsOf: async (userId) => {
        const view = await store.users.findById(tenantId, userId ?? shadowSubject(vault, caller, ''));
        const held = [view?.email, view?.mobile].filter((each) => each !== undefined);
        return ['', ...held.map(subjectOf)];
      },
    });
    const account = await signIn.activeAccount(caller, proved.userId, passkeyRefusal);
    const amr = methodsOf(caller, proved);
    return await signIn.complete(caller, account, {
      method: 'passkey',
      amr,
      remember,
      refusal: passkeyRefusal,
      prepare: async ({ factorResets }) => {
        // A sign-in with both factors shows that they are not lost.
        if (amr.includes('mfa')) await factorResets.end(tenantId, proved.userId, clock());
      },
    });
  }

  async function finishStepUp(caller: Caller, { credential }: CredentialCommand): Promise<IssuedTokens> {
    const { userId, id: sessionId, amr } = ownSession(caller);
    const tenantId = caller.tenant.id;
    const hasOther = amr.some((method) => ['pwd', 'otp', 'sms', 'fed'].includes(method));
    // Where a passkey is one factor, one that began the session does not make it two.
    if (caller.tenant.policy.passkeys.assurance === 'one-factor' && !hasOther)
      throw new DomainError('SIGN_IN_METHOD_UNFIT');
    const { passkey } = await prove(caller, credential, {
      purpose: 'step-up',
      find: findOwn(caller, userId),
      subjectsOf: async () => [sessionId],
      // The session gets the user's full level: presence alone is not that.
      requireUserVerification: true,
    });
    const now = clock();
    await store.transaction(async (repositories) => {
      await repositories.sessions.addSecondFactor(tenantId, sessionId, methodOf(passkey), now);
      await repositories.factorResets.end(tenantId, userId, now);
      await record(repositories, deps, caller, { type: 'step_up.completed' });
    });
    const session = await store.sessions.findLive(tenantId, sessionId, now);
    if (session === undefined) throw new DomainError('TOKEN_INVALID');
    return await issueTokens(deps, session, session.roles);
  }

  return {
    /**
     * The options of a sign-in: for any passkey of the device, or for those of an account. An address or number
     * without an account, or without a passkey, gets options that look like those of one with it (section 14.6.2).
     */
    async start(caller: Caller, command: IdentifierInput): Promise<WebAuthnJson> {
      const { tenant } = caller;
      const { rpId } = ceremonies.relyingParty(caller);
      if (command.email === '' && command.mobile === '') {
        const challenge = ceremonies.challenge(caller, 'sign-in', '');
        return requestOptions(ceremonies.expected(caller, challenge), []);
      }
      const identifier = parseIdentifier(command, tenant.policy);
      const held = await store.users.findIdentifier(tenant.id, identifier);
      const userId = held?.userId ?? shadowSubject(vault, caller, identifier.canonical);
      const usable = passkeysOf(await rowsOf(caller, userId)).filter((passkey) => passkey.rpId === rpId);
      const isOpen = held?.status === 'active' && held.confirmedAt !== undefined;
      const allowed = isOpen && usable.length > 0 ? usable : [decoyOf(vault, tenant.id, identifier)];
      const challenge = ceremonies.challenge(caller, 'sign-in', subjectOf(identifier));
      return requestOptions(ceremonies.expected(caller, challenge), allowed);
    },

    finish: (caller: Caller, command: CredentialCommand & { readonly remember: boolean }) =>
      recordingFailure(deps, caller, { type: 'sign_in.failed', details: { method: 'passkey' } }, () =>
        finish(caller, command),
      ),

    /** The options that prove a passkey of the caller's user, for a pending sign-in or a session. */
    async startVerification(caller: Caller): Promise<WebAuthnJson> {
      const { pending } = caller;
      const userId = pending?.userId ?? ownSession(caller).userId;
      const own = passkeysOf(await rowsOf(caller, userId));
      // A request names one relying party: the current one, else that of an older passkey.
      const now = ceremonies.expected(caller, '').rpId;
      const rpId = own.find((passkey) => passkey.rpId === now)?.rpId ?? own[0]?.rpId;
      if (rpId === undefined) throw new DomainError('NOT_FOUND');
      const usable = own.filter((passkey) => passkey.rpId === rpId);
      const challenge =
        pending === undefined
          ? ceremonies.challenge(caller, 'step-up', ownSession(caller).id)
          : ceremonies.challenge(caller, 'second-factor', pending.challengeId);
      const requireUserVerification = pending === undefined;
      return requestOptions(
        ceremonies.expected(caller, challenge, { rpId, requireUserVerification }),
        usable,
      );
    },

    finishSecondFactor: (
      caller: Caller,
      { credential, rememberDevice }: CredentialCommand & { readonly rememberDevice: boolean },
    ): Promise<SignedIn> =>
      finishPending(caller, rememberDevice, async ({ challengeId, userId, progress }) => {
        if (!isSecondFactor(progress, 'passkey')) throw new DomainError('SIGN_IN_METHOD_UNFIT');
        const { passkey } = await prove(caller, credential, {
          purpose: 'second-factor',
          find: findOwn(caller, userId),
          subjectsOf: async () => [challengeId],
        });
        return { amr: methodOf(passkey) };
      }),

    finishStepUp: (caller: Caller, command: CredentialCommand) =>
      recordingFailure(deps, caller, { type: 'step_up.failed' }, () => finishStepUp(caller, command)),
  };
}

export type PasskeySignIn = ReturnType<typeof createPasskeySignIn>;
