import type { EmailTemplate } from './template.ts';

export const recoverEn: EmailTemplate = {
  subject: 'Choose a new password for {tenant}',
  paragraphs: [
    'Someone, hopefully you, asked for a new password for your account at {tenant}.',
    'The link is valid for 30 minutes. If it was not you, ignore this message: your password stays as it is.',
  ],
  action: 'Choose a new password',
};
