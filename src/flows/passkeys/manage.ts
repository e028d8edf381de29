import { hasAuthenticator } from '../../domain/authenticator.ts';
import type { Caller } from '../../domain/caller.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { assertFresh } from '../../domain/freshness.ts';
import {
  acceptedAlgorithms,
  maxPasskeys,
  methodOf,
  type Passkey,
  passkeysOf,
  providerOf,
  rowOfPasskey,
  stateOf,
  toPasskey,
} from '../../domain/passkey.ts';
import { ceremonyMs } from '../../domain/passkey-challenge.ts';
import { isDecoy } from '../../domain/passkey-decoy.ts';
import { DuplicateError, type Repositories, type Store } from '../../domain/repositories.ts';
import { cleanTyped } from '../../domain/typed-text.ts';
import type { UserView } from '../../domain/user.ts';
import type { Vault } from '../../domain/vault.ts';
import type { RegisteredCredential, WebAuthn } from '../../domain/webauthn.ts';
import { afterUndoableChange, type UndoableChangeStores } from '../after-change.ts';
import { renewRecoveryCodes } from '../authenticators/recovery-codes.ts';
import { type RecordDeps, record, recordingFailure } from '../events/record.ts';
import type { Connections } from '../federation/connections.ts';
import type { UndoLinkDeps } from '../recovery/undo-link.ts';
import { ownSession } from '../sessions/own-session.ts';
import { hasOtherWay } from '../sign-in/ways-left.ts';
import { type Ceremonies, descriptorsOf, passkeyRefusal, type WebAuthnJson } from './ceremony.ts';

export type ManagePasskeysDeps = RecordDeps &
  UndoLinkDeps & {
    readonly store: Store<'users' | 'authenticators' | 'recoveryCodes' | 'identities' | UndoableChangeStores>;
    readonly webAuthn: WebAuthn;
    readonly ceremonies: Ceremonies;
    readonly connections: Connections;
    readonly vault: Vault;
  };

/** A new passkey, and the recovery codes where it is the user's first authenticator. */
type Registered = { readonly passkey: Passkey; readonly recoveryCodes: readonly string[] };

const maxLabel = 100;
const registrationStep = 'manam.v1.PasskeyService/StartPasskeyRegistration';
const ofPasskey = { kind: 'passkey' } as const;

/** Registers, lists, renames and removes the passkeys of the caller. */
export function createManagePasskeys(deps: ManagePasskeysDeps) {
  const { store, webAuthn, ceremonies, connections, vault, clock, random } = deps;

  const listOf = async ({ tenant }: Caller, userId: string) =>
    passkeysOf(await store.authenticators.list(tenant.id, userId));

  /** Adding a passkey beside another authenticator takes the level of the session that has both (R20, R30). */
  async function assertMayAdd(caller: Caller): Promise<void> {
    const { session } = caller;
    const enrolled = await store.authenticators.findEnrolled(caller.tenant.id, ownSession(caller).userId);
    if (session?.level === 'signed-in' || hasAuthenticator(enrolled)) assertFresh(session, clock());
  }

  /** The user handle at the relying party: unguessable, without personal data (section 14.6.1). */
  function handleOf({ tenant }: Caller, userId: string, held: readonly Passkey[]): string {
    const made = vault.mac('passkey-user-handle', Buffer.from(`${tenant.id} ${userId}`));
    return held[0]?.userHandle ?? made.toString('base64url');
  }

  const afterPasskeyChange = (
    repositories: Pick<Repositories, UndoableChangeStores>,
    caller: Caller,
    view: UserView,
    type: 'authenticator.added' | 'authenticator.removed',
  ) =>
    afterUndoableChange(deps, repositories, caller, view, {
      notice: 'passkeys-changed',
      event: { type, details: ofPasskey },
      former: { kind: 'passkeys' },
    });

  async function keep(caller: Caller, made: RegisteredCredential, label: string): Promise<Registered> {
    const { holder: view, id: sessionId } = ownSession(caller);
    const { tenantId, id: userId } = view.user;
    const { rpId } = ceremonies.relyingParty(caller);
    return await store.transaction(async (repositories) => {
      const { authenticators, sessions } = repositories;
      const isFirst = !hasAuthenticator(await authenticators.findForUpdate(tenantId, userId));
      const held = passkeysOf(await authenticators.list(tenantId, userId));
      if (held.length >= maxPasskeys) throw new DomainError('PASSKEY_LIMIT');
      const row = rowOfPasskey(
        { tenantId, userId, id: random.uuid(), createdAt: clock() },
        {
          ...made,
          rpId,
          userHandle: handleOf(caller, userId, held),
          label: label || providerOf(made.aaguid),
        },
      );
      await authenticators.insert(row);
      const recoveryCodes = isFirst ? await renewRecoveryCodes(repositories, deps, tenantId, userId) : [];
      // Presence alone, beside the presence of another key, would not be two factors.
      if (made.isUserVerified || caller.session?.level === 'enrol-only')
        await sessions.addSecondFactor(tenantId, sessionId, methodOf(row), row.createdAt);
      await afterPasskeyChange(repositories, caller, view, 'authenticator.added');
      return { passkey: toPasskey(row), recoveryCodes };
    });
  }

  async function register(
    caller: Caller,
    { credential, label }: { readonly credential: WebAuthnJson; readonly label: string },
  ): Promise<Registered> {
    await assertMayAdd(caller);
    const named = parseLabel(label);
    const claimed = webAuthn.read(credential);
    if (claimed === undefined) throw passkeyRefusal();
    const { challenge } = claimed;
    const expected = ceremonies.expected(caller, challenge);
    await ceremonies.spend(caller, 'registration', [ownSession(caller).id], challenge);
    const made = await webAuthn.verifyRegistration(credential, expected);
    if (made === undefined) throw passkeyRefusal();
    if (isDecoy(vault, caller.tenant.id, made.credentialId)) throw new DomainError('PASSKEY_TAKEN');
    try {
      return await keep(caller, made, named);
    } catch (error) {
      throw error instanceof DuplicateError ? new DomainError('PASSKEY_TAKEN') : error;
    }
  }

  return {
    /** The options of a new passkey (PublicKeyCredentialCreationOptionsJSON). */
    async start(caller: Caller): Promise<WebAuthnJson> {
      const { rpId } = ceremonies.relyingParty(caller);
      await assertMayAdd(caller);
      const { holder, userId, id: sessionId } = ownSession(caller);
      const { tenant } = caller;
      const held = await listOf(caller, userId);
      const name = `${nameOf(holder)} (${tenant.name})`;
      return {
        rp: { id: rpId, name: tenant.name },
        user: { id: handleOf(caller, userId, held), name, displayName: name },
        challenge: ceremonies.challenge(caller, 'registration', sessionId),
        pubKeyCredParams: acceptedAlgorithms.map((alg) => ({ type: 'public-key', alg })),
        timeout: ceremonyMs,
        excludeCredentials: descriptorsOf(held.filter((passkey) => passkey.rpId === rpId)),
        authenticatorSelection: {
          residentKey: 'required',
          requireResidentKey: true,
          userVerification: tenant.policy.passkeys.userVerification,
        },
        attestation: 'none',
      };
    },

    finish: (caller: Caller, command: { readonly credential: WebAuthnJson; readonly label: string }) =>
      recordingFailure(deps, caller, { type: 'authenticator.enrolment_failed', details: ofPasskey }, () =>
        register(caller, command),
      ),

    list: (caller: Caller): Promise<Passkey[]> => listOf(caller, ownSession(caller).userId),

    async rename(
      caller: Caller,
      command: { readonly passkeyId: string; readonly label: string },
    ): Promise<void> {
      const { userId } = ownSession(caller);
      const { id: tenantId } = caller.tenant;
      const label = parseLabel(command.label);
      await store.transaction(async (repositories) => {
        const { authenticators } = repositories;
        const found = await authenticators.findInSlot(tenantId, userId, command.passkeyId);
        if (found?.kind !== 'passkey') throw new DomainError('NOT_FOUND');
        await authenticators.rename(tenantId, userId, found.id, label);
        await record(repositories, deps, caller, { type: 'authenticator.renamed', details: ofPasskey });
      });
    },

    /** Removes a passkey, unless its user could not sign in any more; returns it, so that a page can tell the browser. */
    async remove(caller: Caller, { passkeyId }: { readonly passkeyId: string }): Promise<Passkey> {
      const { holder: view } = ownSession(caller);
      const { tenantId, id: userId } = view.user;
      return await store.transaction(async (repositories) => {
        const { authenticators, recoveryCodes } = repositories;
        // Two calls that remove one passkey each must not remove both.
        const enrolled = await authenticators.findForUpdate(tenantId, userId);
        const rows = await authenticators.list(tenantId, userId);
        const [removed] = rows.filter(({ id, kind }) => id === passkeyId && kind === 'passkey');
        if (removed === undefined) throw new DomainError('NOT_FOUND');
        const { passkeys } = caller.tenant.policy;
        const rpId = passkeys.mode === 'off' ? '' : ceremonies.relyingParty(caller).rpId;
        const isFit = (passkey: Passkey) => canOpen(passkey, rpId, enrolled.isPasskeyOnly);
        const others = passkeysOf(rows).filter(({ id }) => id !== removed.id);
        const isLast = others.length === 0 || (passkeysOf([removed]).some(isFit) && !others.some(isFit));
        const isNeeded =
          enrolled.isPasskeyOnly ||
          passkeys.mode === 'required' ||
          !(await hasOtherWay(connections, repositories, caller, view));
        if (isLast && isNeeded) throw new DomainError('LAST_SIGN_IN');
        await authenticators.remove(tenantId, userId, removed.slot);
        if (rows.length === 1) await recoveryCodes.replace(tenantId, userId, []);
        await afterPasskeyChange(repositories, caller, view, 'authenticator.removed');
        return toPasskey(removed);
      });
    },

    /** Switches the password off: every other way in asks for a passkey as well, until the user sets a password again. */
    async removePassword(caller: Caller): Promise<void> {
      const { rpId } = ceremonies.relyingParty(caller);
      if (caller.tenant.policy.passkeys.passwordless === 'never')
        throw new DomainError('SIGN_IN_METHOD_DISABLED');
      const { holder: view, userId } = ownSession(caller);
      const tenantId = caller.tenant.id;
      await store.transaction(async (repositories) => {
        const { authenticators, users } = repositories;
        const { isPasskeyOnly } = await authenticators.findForUpdate(tenantId, userId);
        const rows = await authenticators.list(tenantId, userId);
        if (!passkeysOf(rows).some((passkey) => canOpen(passkey, rpId, true)))
          throw new DomainError('STEP_MISSING', { missingStep: registrationStep });
        const former = {
          kind: 'password',
          passwordHash: await users.findPasswordHash(tenantId, userId),
          isPasskeyOnly,
        } as const;
        await users.deletePassword(tenantId, userId);
        await users.setPasskeyOnly(tenantId, userId, true);
        const event = { type: 'credential.removed' } as const;
        const change = { notice: 'password-changed', event, former } as const;
        await afterUndoableChange(deps, repositories, caller, view, change);
      });
    },
  };
}

export type ManagePasskeys = ReturnType<typeof createManagePasskeys>;

/**
 * Whether a passkey opens its account at a site. As the only way in, presence alone would leave the account with one factor, and a
 * passkey of another site with none.
 */
function canOpen(passkey: Passkey, rpId: string, isOnlyWay: boolean): boolean {
  return passkey.rpId === rpId && (!isOnlyWay || stateOf(passkey).isUserVerified);
}

function nameOf({ email, mobile, user }: UserView): string {
  return email?.address ?? mobile?.address ?? user.id;
}

function parseLabel(text: string): string {
  const label = cleanTyped(text).trim();
  if (label.length > maxLabel) throw invalid({ field: 'label', reason: 'FIELD_TOO_LONG' });
  if (/\p{Cc}/u.test(label)) throw invalid({ field: 'label', reason: 'FIELD_INVALID' });
  return label;
}
