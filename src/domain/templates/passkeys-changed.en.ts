import type { EmailTemplate } from './template.ts';

export const passkeysChangedEn: EmailTemplate = {
  subject: 'The passkeys of your account at {tenant} have changed',
  paragraphs: [
    'A passkey was added to your account at {tenant}, or removed from it. Your other devices were signed out.',
    'If it was not you, recover your account at once and contact {tenant}.',
  ],
  action: '',
};
