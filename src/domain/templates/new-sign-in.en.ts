import type { EmailTemplate } from './template.ts';

export const newSignInEn: EmailTemplate = {
  subject: 'New sign-in to {tenant}',
  paragraphs: [
    'Your account at {tenant} was opened on a device that it has not been used on before: {device}, from the network address {address}.',
    'If it was you, ignore this message. If not, open the link and press the button there: all sessions of your account end, and you choose a new password. The link is valid for 7 days.',
  ],
  action: 'It was not me',
};
