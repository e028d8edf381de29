import type { SmsTemplate } from './template.ts';

export const identityLinkedSmsEn: SmsTemplate = {
  text: 'The accounts that can sign in to your account at {tenant} have changed. If it was not you, reset your password at once: that disconnects them.',
};
