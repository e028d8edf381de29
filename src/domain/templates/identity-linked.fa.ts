import type { EmailTemplate } from './template.ts';

export const identityLinkedFa: EmailTemplate = {
  subject: 'راه دیگری برای ورود به {tenant}',
  paragraphs: [
    'حساب‌هایی که می‌توان با آن‌ها به حساب شما در {tenant} وارد شد تغییر کرده‌اند.',
    'اگر شما نبوده‌اید، همین حالا رمز عبور خود را بازنشانی کنید تا آن حساب‌ها جدا شوند، و با {tenant} تماس بگیرید.',
  ],
  action: '',
};
