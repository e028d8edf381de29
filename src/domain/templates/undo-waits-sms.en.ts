import type { SmsTemplate } from './template.ts';

export const undoWaitsSmsEn: SmsTemplate = {
  text: 'With this link you can undo the changes to your account at {tenant} once the waiting time has passed: {link}',
};
