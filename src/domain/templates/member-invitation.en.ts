import type { EmailTemplate } from './template.ts';

export const memberInvitationEn: EmailTemplate = {
  subject: 'Join the people who run {tenant}',
  paragraphs: [
    'You are invited to help run {tenant}. Open the link, sign in with this address, and accept.',
    'The link is valid for 7 days. If you expected no invitation, ignore this message: nothing happens without you.',
  ],
  action: 'See the invitation',
};
