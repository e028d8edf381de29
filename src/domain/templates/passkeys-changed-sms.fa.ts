import type { SmsTemplate } from './template.ts';

export const passkeysChangedSmsFa: SmsTemplate = {
  text: 'کلید عبوری به حساب شما در {tenant} افزوده یا از آن حذف شد. اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید.',
};
