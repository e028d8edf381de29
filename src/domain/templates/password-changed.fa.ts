import type { EmailTemplate } from './template.ts';

export const passwordChangedFa: EmailTemplate = {
  subject: 'رمز عبور شما در {tenant} تغییر کرد',
  paragraphs: [
    'رمز عبور حساب شما در {tenant} تغییر کرده است. دستگاه‌های دیگر از حساب خارج شدند.',
    'اگر شما نبوده‌اید، ظرف ۷۲ ساعت پیوند را باز کنید: همهٔ نشست‌ها پایان می‌یابند، تا مدتی هیچ‌چیز از راه‌های ورود به حساب تغییر نمی‌کند و می‌توانید تغییر را برگردانید.',
  ],
  action: 'من نبودم',
};
