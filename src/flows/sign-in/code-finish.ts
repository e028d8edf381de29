import type { Caller } from '../../domain/caller.ts';
import type { Challenge } from '../../domain/challenge.ts';
import { DomainError } from '../../domain/errors.ts';
import type { ParsedIdentifier } from '../../domain/identifier.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import type { OwnedIdentifier } from '../../domain/user.ts';
import { createProvedUser, type TakeOverStores, takeOver } from '../accounts/prove-owner.ts';
import { redeem } from '../challenges/redeem.ts';
import { type RecordDeps, recordingFailure } from '../events/record.ts';
import { type FindCodeDeps, findPresentedCode, type PresentedCode, wrongCodesOf } from './code.ts';
import type { CompleteSignIn, SignInResult } from './complete.ts';

export type FinishCodeSignInDeps = RecordDeps &
  Omit<FindCodeDeps, 'store'> & {
    readonly store: Store<TakeOverStores | 'smsUsage'>;
    readonly signIn: CompleteSignIn;
  };

export type FinishCodeSignInCommand = PresentedCode & { readonly remember: boolean };

export type CodeSignInResult = SignInResult & {
  /** Whether the sign-in made the account. */
  readonly isNew: boolean;
};

/** An account without names: the user is asked for them afterwards. */
const noNames = { firstName: '', lastName: '' };

/** The address or number that a code went to. */
function identifierOf({ channel, identifier: address }: Challenge): ParsedIdentifier {
  return { kind: channel === 'sms' ? 'mobile' : 'email', canonical: address.toLowerCase(), address };
}

const refusal = () => new DomainError('CODE_INVALID');

/**
 * Signs the owner of an address or a number in, with the code or the link that went there and the
 * handle of the page that asked for it. An account that no one has proved before becomes theirs, without
 * anything that another claimant has put there (R71). Where there is none, the tenant's policy may make one.
 */
export function createFinishCodeSignIn(deps: FinishCodeSignInDeps) {
  const { store, signIn, vault, clock } = deps;

  async function attempt(caller: Caller, command: FinishCodeSignInCommand): Promise<CodeSignInResult> {
    if (!caller.tenant.policy.codeSignIn.enabled) throw new DomainError('SIGN_IN_METHOD_DISABLED');
    const challenge = await findPresentedCode(deps, caller, command);
    if (challenge === undefined) throw refusal();
    await store.attempts.reset(
      challenge.tenantId,
      wrongCodesOf(vault, caller, challenge.identifier.toLowerCase()),
    );
    const { tenantId } = challenge;
    const identifier = identifierOf(challenge);
    const held = await store.users.findIdentifier(tenantId, identifier);
    const amr = [identifier.kind === 'mobile' ? ('sms' as const) : ('otp' as const)];
    const progress = { method: 'code', amr, remember: command.remember, refusal } as const;
    if (held?.confirmedAt !== undefined) {
      const account = await signIn.activeAccount(caller, held.userId, refusal);
      const result = await signIn.complete(caller, account, {
        ...progress,
        prepare: async (repositories) => {
          if (!(await redeem(repositories, clock, caller, challenge))) throw refusal();
        },
      });
      return { ...result, isNew: false };
    }
    const userId = await openAccount(caller, challenge, identifier, held);
    const account = await signIn.activeAccount(caller, userId, refusal);
    return { ...(await signIn.complete(caller, account, progress)), isNew: true };
  }

  /** The account of an identifier that is proved for the first time; its id. */
  async function openAccount(
    caller: Caller,
    challenge: Challenge,
    identifier: ParsedIdentifier,
    held: OwnedIdentifier | undefined,
  ): Promise<string> {
    try {
      return await store.transaction(async (repositories) => {
        if (!(await redeem(repositories, clock, caller, challenge))) throw refusal();
        if (held?.isOwnerConfirmed === false) {
          if (!(await takeOver(deps, repositories, caller, held, noNames))) throw refusal();
          return held.userId;
        }
        if (!caller.tenant.policy.codeSignIn.createAccounts) throw refusal();
        return await createProvedUser(deps, repositories, caller, identifier, noNames);
      });
    } catch (error) {
      // Another user has proved the identifier at this moment.
      throw error instanceof DuplicateError ? refusal() : error;
    }
  }

  return (caller: Caller, command: FinishCodeSignInCommand) =>
    recordingFailure(deps, caller, { type: 'sign_in.failed', details: { method: 'code' } }, () =>
      attempt(caller, command),
    );
}
