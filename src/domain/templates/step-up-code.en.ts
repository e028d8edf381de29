import type { EmailTemplate } from './template.ts';

export const stepUpCodeEn: EmailTemplate = {
  subject: 'Your code for {tenant}',
  paragraphs: [
    'Type this code into the page of {tenant} where you want to change something:',
    '{code}',
    'It is valid for 10 minutes. Do not share it. If you did not request it, end the sessions of your account.',
  ],
  action: '',
};
