import type { SmsTemplate } from './template.ts';

export const recoverSmsFa: SmsTemplate = {
  text: 'کد رمز عبور تازهٔ شما در {tenant}: {code} این کد ۱۰ دقیقه اعتبار دارد. اگر شما نخواسته‌اید، آن را نادیده بگیرید.',
};
