import type { SmsTemplate } from './template.ts';

export const accountDeletedSmsEn: SmsTemplate = {
  text: 'Your account at {tenant} has been deleted. If it was not you, contact {tenant}.',
};
