import type { EmailTemplate } from './template.ts';

export const undoWaitsEn: EmailTemplate = {
  subject: 'Undoing the changes to your account at {tenant}',
  paragraphs: [
    'You asked to undo recent changes to your account at {tenant}. We could not verify that the account is yours, so we have notified its present addresses and numbers, and are waiting for objections.',
    'Open the link and press the button there: if it is too early, the page shows when it will work. After an objection, the link no longer works.',
  ],
  action: 'Undo the changes',
};
