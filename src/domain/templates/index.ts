import type { Locale } from '../locale.ts';
import { accountDeletedEn } from './account-deleted.en.ts';
import { accountDeletedFa } from './account-deleted.fa.ts';
import { accountDeletedSmsEn } from './account-deleted-sms.en.ts';
import { accountDeletedSmsFa } from './account-deleted-sms.fa.ts';
import { accountExistsEn } from './account-exists.en.ts';
import { accountExistsFa } from './account-exists.fa.ts';
import { accountExistsSmsEn } from './account-exists-sms.en.ts';
import { accountExistsSmsFa } from './account-exists-sms.fa.ts';
import { accountLockedEn } from './account-locked.en.ts';
import { accountLockedFa } from './account-locked.fa.ts';
import { accountLockedSmsEn } from './account-locked-sms.en.ts';
import { accountLockedSmsFa } from './account-locked-sms.fa.ts';
import { changeEmailEn } from './change-email.en.ts';
import { changeEmailFa } from './change-email.fa.ts';
import { changeMobileEn } from './change-mobile.en.ts';
import { changeMobileFa } from './change-mobile.fa.ts';
import { changesUndoneEn } from './changes-undone.en.ts';
import { changesUndoneFa } from './changes-undone.fa.ts';
import { changesUndoneSmsEn } from './changes-undone-sms.en.ts';
import { changesUndoneSmsFa } from './changes-undone-sms.fa.ts';
import { confirmEmailEn } from './confirm-email.en.ts';
import { confirmEmailFa } from './confirm-email.fa.ts';
import { confirmSmsEn } from './confirm-sms.en.ts';
import { confirmSmsFa } from './confirm-sms.fa.ts';
import { developerInvitationEn } from './developer-invitation.en.ts';
import { developerInvitationFa } from './developer-invitation.fa.ts';
import { identifierChangedEn } from './identifier-changed.en.ts';
import { identifierChangedFa } from './identifier-changed.fa.ts';
import { identifierChangedSmsEn } from './identifier-changed-sms.en.ts';
import { identifierChangedSmsFa } from './identifier-changed-sms.fa.ts';
import { identityLinkedEn } from './identity-linked.en.ts';
import { identityLinkedFa } from './identity-linked.fa.ts';
import { identityLinkedSmsEn } from './identity-linked-sms.en.ts';
import { identityLinkedSmsFa } from './identity-linked-sms.fa.ts';
import { memberInvitationEn } from './member-invitation.en.ts';
import { memberInvitationFa } from './member-invitation.fa.ts';
import { newSignInEn } from './new-sign-in.en.ts';
import { newSignInFa } from './new-sign-in.fa.ts';
import { passkeysChangedEn } from './passkeys-changed.en.ts';
import { passkeysChangedFa } from './passkeys-changed.fa.ts';
import { passkeysChangedSmsEn } from './passkeys-changed-sms.en.ts';
import { passkeysChangedSmsFa } from './passkeys-changed-sms.fa.ts';
import { passwordChangedEn } from './password-changed.en.ts';
import { passwordChangedFa } from './password-changed.fa.ts';
import { passwordChangedSmsEn } from './password-changed-sms.en.ts';
import { passwordChangedSmsFa } from './password-changed-sms.fa.ts';
import { recoverEn } from './recover.en.ts';
import { recoverFa } from './recover.fa.ts';
import { recoverSmsEn } from './recover-sms.en.ts';
import { recoverSmsFa } from './recover-sms.fa.ts';
import { recoveryCodeUsedEn } from './recovery-code-used.en.ts';
import { recoveryCodeUsedFa } from './recovery-code-used.fa.ts';
import { recoveryCodeUsedSmsEn } from './recovery-code-used-sms.en.ts';
import { recoveryCodeUsedSmsFa } from './recovery-code-used-sms.fa.ts';
import { resetCancelSmsEn } from './reset-cancel-sms.en.ts';
import { resetCancelSmsFa } from './reset-cancel-sms.fa.ts';
import { resetRequestedEn } from './reset-requested.en.ts';
import { resetRequestedFa } from './reset-requested.fa.ts';
import { signInCodeEn } from './sign-in-code.en.ts';
import { signInCodeFa } from './sign-in-code.fa.ts';
import { signInCodeSmsEn } from './sign-in-code-sms.en.ts';
import { signInCodeSmsFa } from './sign-in-code-sms.fa.ts';
import { signInSmsEn } from './sign-in-sms.en.ts';
import { signInSmsFa } from './sign-in-sms.fa.ts';
import { stepUpCodeEn } from './step-up-code.en.ts';
import { stepUpCodeFa } from './step-up-code.fa.ts';
import { stepUpCodeSmsEn } from './step-up-code-sms.en.ts';
import { stepUpCodeSmsFa } from './step-up-code-sms.fa.ts';
import type { EmailTemplate, SmsTemplate, TemplateOverrides } from './template.ts';
import { twoFactorChangedEn } from './two-factor-changed.en.ts';
import { twoFactorChangedFa } from './two-factor-changed.fa.ts';
import { twoFactorChangedSmsEn } from './two-factor-changed-sms.en.ts';
import { twoFactorChangedSmsFa } from './two-factor-changed-sms.fa.ts';
import { twoFactorProofEn } from './two-factor-proof.en.ts';
import { twoFactorProofFa } from './two-factor-proof.fa.ts';
import { twoFactorProofSmsEn } from './two-factor-proof-sms.en.ts';
import { twoFactorProofSmsFa } from './two-factor-proof-sms.fa.ts';
import { twoFactorSetupSmsEn } from './two-factor-setup-sms.en.ts';
import { twoFactorSetupSmsFa } from './two-factor-setup-sms.fa.ts';
import { undoChangeSmsEn } from './undo-change-sms.en.ts';
import { undoChangeSmsFa } from './undo-change-sms.fa.ts';
import { undoRequestedEn } from './undo-requested.en.ts';
import { undoRequestedFa } from './undo-requested.fa.ts';
import { undoRequestedSmsEn } from './undo-requested-sms.en.ts';
import { undoRequestedSmsFa } from './undo-requested-sms.fa.ts';
import { undoWaitsEn } from './undo-waits.en.ts';
import { undoWaitsFa } from './undo-waits.fa.ts';
import { undoWaitsSmsEn } from './undo-waits-sms.en.ts';
import { undoWaitsSmsFa } from './undo-waits-sms.fa.ts';

import { webhookDisabledEn } from './webhook-disabled.en.ts';
import { webhookDisabledFa } from './webhook-disabled.fa.ts';

export { renderEmail, renderSms } from './template.ts';

/** Every e-mail in every language. */
export const emailTemplates = {
  'confirm-email': { en: confirmEmailEn, fa: confirmEmailFa },
  'account-exists': { en: accountExistsEn, fa: accountExistsFa },
  'change-email': { en: changeEmailEn, fa: changeEmailFa },
  'identifier-changed': { en: identifierChangedEn, fa: identifierChangedFa },
  'changes-undone': { en: changesUndoneEn, fa: changesUndoneFa },
  'account-deleted': { en: accountDeletedEn, fa: accountDeletedFa },
  'sign-in-code': { en: signInCodeEn, fa: signInCodeFa },
  recover: { en: recoverEn, fa: recoverFa },
  'password-changed': { en: passwordChangedEn, fa: passwordChangedFa },
  'account-locked': { en: accountLockedEn, fa: accountLockedFa },
  'two-factor-proof': { en: twoFactorProofEn, fa: twoFactorProofFa },
  'passkeys-changed': { en: passkeysChangedEn, fa: passkeysChangedFa },
  'reset-requested': { en: resetRequestedEn, fa: resetRequestedFa },
  'undo-waits': { en: undoWaitsEn, fa: undoWaitsFa },
  'undo-requested': { en: undoRequestedEn, fa: undoRequestedFa },
  'two-factor-changed': { en: twoFactorChangedEn, fa: twoFactorChangedFa },
  'identity-linked': { en: identityLinkedEn, fa: identityLinkedFa },
  'step-up-code': { en: stepUpCodeEn, fa: stepUpCodeFa },
  'developer-invitation': { en: developerInvitationEn, fa: developerInvitationFa },
  'member-invitation': { en: memberInvitationEn, fa: memberInvitationFa },
  'webhook-disabled': { en: webhookDisabledEn, fa: webhookDisabledFa },
  'new-sign-in': { en: newSignInEn, fa: newSignInFa },
  'recovery-code-used': { en: recoveryCodeUsedEn, fa: recoveryCodeUsedFa },
} as const satisfies Record<string, Record<Locale, EmailTemplate>>;

/** Every SMS in every language. */
export const smsTemplates = {
  'confirm-sms': { en: confirmSmsEn, fa: confirmSmsFa },
  'account-exists-sms': { en: accountExistsSmsEn, fa: accountExistsSmsFa },
  'change-mobile': { en: changeMobileEn, fa: changeMobileFa },
  'identifier-changed-sms': { en: identifierChangedSmsEn, fa: identifierChangedSmsFa },
  'undo-change-sms': { en: undoChangeSmsEn, fa: undoChangeSmsFa },
  'changes-undone-sms': { en: changesUndoneSmsEn, fa: changesUndoneSmsFa },
  'account-deleted-sms': { en: accountDeletedSmsEn, fa: accountDeletedSmsFa },
  'account-locked-sms': { en: accountLockedSmsEn, fa: accountLockedSmsFa },
  'sign-in-code-sms': { en: signInCodeSmsEn, fa: signInCodeSmsFa },
  'recover-sms': { en: recoverSmsEn, fa: recoverSmsFa },
  'password-changed-sms': { en: passwordChangedSmsEn, fa: passwordChangedSmsFa },
  'two-factor-proof-sms': { en: twoFactorProofSmsEn, fa: twoFactorProofSmsFa },
  'two-factor-setup-sms': { en: twoFactorSetupSmsEn, fa: twoFactorSetupSmsFa },
  'step-up-code-sms': { en: stepUpCodeSmsEn, fa: stepUpCodeSmsFa },
  'sign-in-sms': { en: signInSmsEn, fa: signInSmsFa },
  'passkeys-changed-sms': { en: passkeysChangedSmsEn, fa: passkeysChangedSmsFa },
  'reset-cancel-sms': { en: resetCancelSmsEn, fa: resetCancelSmsFa },
  'undo-waits-sms': { en: undoWaitsSmsEn, fa: undoWaitsSmsFa },
  'undo-requested-sms': { en: undoRequestedSmsEn, fa: undoRequestedSmsFa },
  'two-factor-changed-sms': { en: twoFactorChangedSmsEn, fa: twoFactorChangedSmsFa },
  'identity-linked-sms': { en: identityLinkedSmsEn, fa: identityLinkedSmsFa },
  'recovery-code-used-sms': { en: recoveryCodeUsedSmsEn, fa: recoveryCodeUsedSmsFa },
} as const satisfies Record<string, Record<Locale, SmsTemplate>>;

export type EmailName = keyof typeof emailTemplates;
export type SmsName = keyof typeof smsTemplates;

/** The words of an e-mail for a tenant: its own where it has some. */
export function emailWords(overrides: TemplateOverrides, name: EmailName, locale: Locale): EmailTemplate {
  return (overrides[name]?.[locale] as EmailTemplate | undefined) ?? emailTemplates[name][locale];
}

/** The words of an SMS for a tenant: its own where it has some. */
export function smsWords(overrides: TemplateOverrides, name: SmsName, locale: Locale): SmsTemplate {
  return (overrides[name]?.[locale] as SmsTemplate | undefined) ?? smsTemplates[name][locale];
}
