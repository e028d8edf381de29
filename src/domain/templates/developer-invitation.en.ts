import type { EmailTemplate } from './template.ts';

export const developerInvitationEn: EmailTemplate = {
  subject: 'You can set up your service at {tenant}',
  paragraphs: [
    'You are invited to have your users sign in with {tenant}. Open the link, sign in with this address, and name your service: you get its keys at once.',
    'The invitation is valid for 7 days. If you expected none, ignore this message.',
  ],
  action: 'Set up your service',
};
