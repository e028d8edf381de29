import type { SmsTemplate } from './template.ts';

export const changesUndoneSmsEn: SmsTemplate = {
  text: 'The latest changes of your account at {tenant} were undone. If it was not you, recover your account at once.',
};
