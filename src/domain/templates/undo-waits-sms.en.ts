import type { SmsTemplate } from './template.ts';

export const undoWaitsSmsEn: SmsTemplate = {
  text: 'With this link you can undo the changes of your account at {tenant} once the waiting time has passed: {link}',
};
