import type { EmailTemplate } from './template.ts';

export const identityLinkedEn: EmailTemplate = {
  subject: 'Another way to sign in at {tenant}',
  paragraphs: [
    'The accounts that can be used to sign in to your account at {tenant} have changed.',
    'If it was not you, change your password at once and contact {tenant}.',
  ],
  action: '',
};
