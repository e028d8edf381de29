import type { EmailTemplate } from './template.ts';

export const passwordChangedEn: EmailTemplate = {
  subject: 'Your password at {tenant} has been changed',
  paragraphs: [
    'The password of your account at {tenant} has been changed. Other devices were signed out.',
    'If it was not you, recover your account at once and contact {tenant}.',
  ],
  action: '',
};
