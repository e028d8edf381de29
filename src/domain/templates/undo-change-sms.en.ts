import type { SmsTemplate } from './template.ts';

export const undoChangeSmsEn: SmsTemplate = {
  text: 'The sign-in details of your account at {tenant} have changed. If it was not you: {link}',
};
