import type { EmailTemplate } from './template.ts';

export const undoWaitsEn: EmailTemplate = {
  subject: 'Undoing the changes of your account at {tenant}',
  paragraphs: [
    'You asked to undo the changes of your account at {tenant}. We could not check that it is yours, so we have told whoever uses it now, and give them time to object.',
    'Open the link and press the button there: if it is too early, the page says when it works. If someone objects, it does not work any more.',
  ],
  action: 'Undo the changes',
};
