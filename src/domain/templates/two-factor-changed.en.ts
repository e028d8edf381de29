import type { EmailTemplate } from './template.ts';

export const twoFactorChangedEn: EmailTemplate = {
  subject: 'Two-factor sign-in at {tenant} has changed',
  paragraphs: [
    'The second factors or the recovery codes of your account at {tenant} have been changed. Other devices were signed out.',
    'If it was not you, recover your account at once and contact {tenant}.',
  ],
  action: '',
};
