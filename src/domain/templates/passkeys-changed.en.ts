import type { EmailTemplate } from './template.ts';

export const passkeysChangedEn: EmailTemplate = {
  subject: 'The passkeys of your account at {tenant} have changed',
  paragraphs: [
    'A passkey was added to your account at {tenant}, or removed from it. Your other devices were signed out.',
    'If it was not you, open the link within 72 hours: all sessions end, nothing that opens the account can be changed for now, and you can undo the change.',
  ],
  action: 'It was not me',
};
