import type { EmailTemplate } from './template.ts';

export const accountDeletedEn: EmailTemplate = {
  subject: 'Your account at {tenant} has been deleted',
  paragraphs: [
    'Your account at {tenant} and all that was held about you has been deleted.',
    'If it was not you, contact {tenant}.',
  ],
  action: '',
};
