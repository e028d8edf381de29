import type { EmailTemplate } from './template.ts';

export const twoFactorProofEn: EmailTemplate = {
  subject: 'Confirm the setup of two-factor sign-in at {tenant}',
  paragraphs: [
    'Someone, hopefully you, is setting up two-factor sign-in for your account at {tenant}. Confirm it to go on.',
    'The link is valid for 10 minutes. If it was not you, change your password: someone is signed in as you.',
  ],
  action: 'Go on with the setup',
};
