import type { SmsTemplate } from './template.ts';

export const accountExistsSmsEn: SmsTemplate = {
  text: 'Someone tried to register this number at {tenant}, which has an account already. Nothing was changed.',
};
