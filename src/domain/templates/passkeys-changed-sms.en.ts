import type { SmsTemplate } from './template.ts';

export const passkeysChangedSmsEn: SmsTemplate = {
  text: 'A passkey was added to your account at {tenant} or removed from it. If it was not you, recover your account at once.',
};
