import type { SmsTemplate } from './template.ts';

export const accountLockedSmsEn: SmsTemplate = {
  text: 'Someone has tried several wrong passwords for your account at {tenant}. Further attempts have to wait.',
};
