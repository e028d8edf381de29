import type { EmailTemplate } from './template.ts';

export const undoRequestedEn: EmailTemplate = {
  subject: 'Someone wants changes of your account at {tenant} undone',
  paragraphs: [
    'Someone who has a former address or number of your account at {tenant} says that its last changes were not theirs, and asked to undo them.',
    'If you made these changes, open the link and press the button there: nothing is undone. If you do nothing, the account goes back to what it was.',
  ],
  action: 'I made these changes',
};
