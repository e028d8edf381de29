import type { SmsTemplate } from './template.ts';

export const identifierChangedSmsEn: SmsTemplate = {
  text: 'The sign-in details of your account at {tenant} have changed. If it was not you, contact {tenant}.',
};
