import type { EmailTemplate } from './template.ts';

export const resetRequestedEn: EmailTemplate = {
  subject: 'Reset of your second step at {tenant}',
  paragraphs: [
    'Someone who signed in to your account at {tenant} with its first step asked to remove its second steps, because they are lost.',
    'If it was not you, open the link and press the button there: nothing is removed. If it was you, wait; you can sign in again when the time has passed.',
  ],
  action: 'It was not me',
};
