import { TwoFactorMethod } from '../../clients/web.ts';
import { mayOfferPasskey } from './passkeys.tsx';
import type { Account, SignInAnswer, Stage } from './state.ts';

// The steps between a sign-in and the account: a second factor, names, a passkey, the tenant's terms.

/** The step that the tenant requires before the account opens, a second factor or its terms; undefined: none. */
export async function demandOf(account: Account): Promise<Stage | undefined> {
  if (await mustEnrol(account)) return { at: 'enrol' };
  return await missingTerms(account);
}

/** The step that follows a sign-in directly, before any that the tenant requires; undefined: none. */
export async function questionAfter(
  account: Account,
  { twoFactor, isNew = false, mayOfferPasskey: mayOffer = false, userId = '' }: SignInAnswer,
): Promise<Stage | undefined> {
  if (twoFactor !== undefined) return { at: 'second-factor', challenge: twoFactor };
  // A session that can only enrol a second factor changes no names.
  if (isNew && !(await mustEnrol(account))) return { at: 'names', userId };
  if (mayOffer && (await isOfferable(account, userId))) return { at: 'offer-passkey', userId };
  return undefined;
}

async function mustEnrol({ manam, settings }: Account): Promise<boolean> {
  const { required, methods } = await manam.twoFactor.getTwoFactor({});
  const mustHavePasskey = settings.passkeys.mode === 'required';
  return (
    (required && methods.length === 0) || (mustHavePasskey && !methods.includes(TwoFactorMethod.PASSKEY))
  );
}

/** The terms as they are now: the page may be older. */
async function missingTerms({ manam, settings }: Account): Promise<Stage | undefined> {
  if (settings.terms.version === '') return undefined;
  const { url, version, acceptTime } = await manam.profile.getTerms({});
  return version === '' || acceptTime !== undefined ? undefined : { at: 'terms', url, version };
}

/** Whether to ask the user to make a passkey: where the tenant wants it, once they have none and have not declined. */
async function isOfferable(account: Account, userId: string): Promise<boolean> {
  const { manam, settings } = account;
  return (
    settings.passkeys.mode === 'preferred' &&
    mayOfferPasskey(settings.slug, userId) &&
    !(await mustEnrol(account)) &&
    (await manam.passkeys.listPasskeys({})).passkeys.length === 0
  );
}
