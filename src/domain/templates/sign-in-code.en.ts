import type { EmailTemplate } from './template.ts';

export const signInCodeEn: EmailTemplate = {
  subject: 'Your code to sign in to {tenant}',
  paragraphs: [
    'Type this code into the page where you are signing in to {tenant}:',
    '{code}',
    'Or open the link on the device on which you are signing in. Code and link are good for 10 minutes. Do not forward this message and tell nobody the code. If it was not you, ignore it: nobody can sign in without it.',
  ],
  action: 'Sign in',
};
