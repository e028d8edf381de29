import type { EmailTemplate } from './template.ts';

export const identifierChangedFa: EmailTemplate = {
  subject: 'اطلاعات ورود شما در {tenant} تغییر کرد',
  paragraphs: [
    'نشانی ایمیل یا شمارهٔ موبایل حساب شما در {tenant} تغییر کرده است. دستگاه‌های دیگر شما از حساب خارج شدند.',
    'اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید و با {tenant} تماس بگیرید.',
  ],
  action: '',
};
