import type { EmailTemplate } from './template.ts';

export const signInCodeEn: EmailTemplate = {
  subject: 'Your code to sign in to {tenant}',
  paragraphs: [
    'Type this code into the page where you are signing in to {tenant}:',
    '{code}',
    'Or open the link on the device on which you are signing in. The code and the link are valid for 10 minutes. Do not forward this message or share the code. If you did not request it, ignore this message.',
  ],
  action: 'Sign in',
};
