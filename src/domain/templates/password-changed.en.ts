import type { EmailTemplate } from './template.ts';

export const passwordChangedEn: EmailTemplate = {
  subject: 'Your password at {tenant} has been changed',
  paragraphs: [
    'The password of your account at {tenant} has been changed. Other devices were signed out.',
    'If it was not you, open the link within 72 hours: all sessions end, nothing that opens the account can be changed for now, and you can undo the change.',
  ],
  action: 'It was not me',
};
