import type { SmsTemplate } from './template.ts';

export const passwordChangedSmsEn: SmsTemplate = {
  text: 'The password of your account at {tenant} has been changed. If it was not you, recover your account at once.',
};
