import type { EmailTemplate } from './template.ts';

export const identityLinkedEn: EmailTemplate = {
  subject: 'Another way to sign in at {tenant}',
  paragraphs: [
    'The accounts that can be used to sign in to your account at {tenant} have changed.',
    'If it was not you, reset your password at once, which disconnects them, and contact {tenant}.',
  ],
  action: '',
};
