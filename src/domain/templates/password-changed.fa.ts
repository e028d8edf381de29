import type { EmailTemplate } from './template.ts';

export const passwordChangedFa: EmailTemplate = {
  subject: 'رمز عبور شما در {tenant} تغییر کرد',
  paragraphs: [
    'رمز عبور حساب شما در {tenant} تغییر کرده است. دستگاه‌های دیگر از حساب خارج شدند.',
    'اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید و با {tenant} تماس بگیرید.',
  ],
  action: '',
};
