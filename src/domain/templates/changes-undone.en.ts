import type { EmailTemplate } from './template.ts';

export const changesUndoneEn: EmailTemplate = {
  subject: 'Changes of your account at {tenant} were undone',
  paragraphs: [
    'The latest changes of the address, the number or the password of your account at {tenant} were undone, with a link that we sent when they were made. All sessions have ended.',
    'If it was not you, recover your account at once and contact {tenant}.',
  ],
  action: '',
};
