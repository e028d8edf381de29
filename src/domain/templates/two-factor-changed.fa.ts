import type { EmailTemplate } from './template.ts';

export const twoFactorChangedFa: EmailTemplate = {
  subject: 'ورود دومرحله‌ای شما در {tenant} تغییر کرد',
  paragraphs: [
    'عامل‌های دوم یا کدهای بازیابی حساب شما در {tenant} تغییر کرده‌اند. دستگاه‌های دیگر از حساب خارج شدند.',
    'اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید و با {tenant} تماس بگیرید.',
  ],
  action: '',
};
