import type { EmailTemplate } from './template.ts';

export const stepUpCodeEn: EmailTemplate = {
  subject: 'Your code for {tenant}',
  paragraphs: [
    'Type this code into the page of {tenant} where you want to change something:',
    '{code}',
    'It is good for 10 minutes. Tell nobody the code. If it was not you, end the sessions of your account.',
  ],
  action: '',
};
