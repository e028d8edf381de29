import type { SmsTemplate } from './template.ts';

export const undoRequestedSmsEn: SmsTemplate = {
  text: 'Someone asked to undo the last changes of your account at {tenant}. If you made them: {link}',
};
