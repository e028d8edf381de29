import type { EmailTemplate } from './template.ts';

export const undoWaitsEn: EmailTemplate = {
  subject: 'Undoing the changes of your account at {tenant}',
  paragraphs: [
    'You asked to undo the changes of your account at {tenant}. As you could not prove that it is yours, whoever uses it now has been told, and it waits.',
    'When the time that the page has shown you has passed, and no one has objected, open the link and press the button there.',
  ],
  action: 'Undo the changes',
};
