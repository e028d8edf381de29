import type { EmailTemplate } from './template.ts';

export const recoveryCodeUsedFa: EmailTemplate = {
  subject: 'یک کد بازیابی در {tenant} استفاده شد',
  paragraphs: [
    'یک کد بازیابی حساب شما در {tenant} به جای عامل دوم استفاده شد و دیگر اعتبار ندارد.',
    'اگر شما نبوده‌اید، همین حالا رمز عبور خود را تغییر دهید و کدهای بازیابی تازه بسازید.',
  ],
  action: '',
};
