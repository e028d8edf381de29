import type { EmailTemplate } from './template.ts';

export const changesUndoneFa: EmailTemplate = {
  subject: 'تغییرات حساب شما در {tenant} برگردانده شد',
  paragraphs: [
    'آخرین تغییرات نشانی، شماره یا رمز عبور حساب شما در {tenant} با پیوندی که هنگام تغییر فرستاده بودیم برگردانده شد. همهٔ نشست‌ها پایان یافتند.',
    'اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید و با {tenant} تماس بگیرید.',
  ],
  action: '',
};
