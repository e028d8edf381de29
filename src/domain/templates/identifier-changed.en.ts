import type { EmailTemplate } from './template.ts';

export const identifierChangedEn: EmailTemplate = {
  subject: 'Your sign-in details at {tenant} have changed',
  paragraphs: [
    'The e-mail address or mobile number of your account at {tenant} has been changed. Your other devices were signed out.',
    'If it was not you, open the link within 72 hours: all sessions end, nothing that opens the account can be changed for now, and you can undo the change.',
  ],
  action: 'It was not me',
};
