import type { EmailTemplate } from './template.ts';

export const undoRequestedEn: EmailTemplate = {
  subject: 'Someone wants changes of your account at {tenant} undone',
  paragraphs: [
    'Someone who reads the messages of an address or number that your account at {tenant} has or had says that its last changes were not theirs, and asked to undo them.',
    'If you made these changes, open the link and press the button there: nothing is undone. If you do nothing, the account goes back to what it was.',
  ],
  action: 'I made these changes',
};
