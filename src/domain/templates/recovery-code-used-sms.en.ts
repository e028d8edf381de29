import type { SmsTemplate } from './template.ts';

export const recoveryCodeUsedSmsEn: SmsTemplate = {
  text: 'A recovery code of your account at {tenant} was used. If it was not you, change your password at once.',
};
