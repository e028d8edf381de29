import type { EmailTemplate } from './template.ts';

export const accountExistsEn: EmailTemplate = {
  subject: 'You already have an account at {tenant}',
  paragraphs: [
    'Someone tried to register at {tenant} with this address, which has an account already. Nothing was changed.',
    'If it was you, sign in with your password, or ask for a new one. If it was not you, there is nothing to do.',
  ],
  action: '',
};
