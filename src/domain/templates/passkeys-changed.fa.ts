import type { EmailTemplate } from './template.ts';

export const passkeysChangedFa: EmailTemplate = {
  subject: 'کلیدهای عبور حساب شما در {tenant} تغییر کرد',
  paragraphs: [
    'کلید عبوری به حساب شما در {tenant} افزوده یا از آن حذف شد. دستگاه‌های دیگر شما از حساب خارج شدند.',
    'اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید و با {tenant} تماس بگیرید.',
  ],
  action: '',
};
