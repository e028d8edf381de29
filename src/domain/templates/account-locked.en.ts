import type { EmailTemplate } from './template.ts';

export const accountLockedEn: EmailTemplate = {
  subject: 'Wrong passwords for your account at {tenant}',
  paragraphs: [
    'Someone has tried several wrong passwords for your account at {tenant}. Further attempts have to wait for a while.',
    'If it was you, wait half a minute or ask for a new password. If it was not you, there is nothing to do.',
  ],
  action: '',
};
