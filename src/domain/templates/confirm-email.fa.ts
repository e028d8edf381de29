import type { EmailTemplate } from './template.ts';

export const confirmEmailFa: EmailTemplate = {
  subject: 'تأیید نشانی ایمیل شما برای {tenant}',
  paragraphs: [
    'کسی، احتمالاً خود شما، با این نشانی در {tenant} ثبت‌نام کرده است. برای تکمیل ثبت‌نام، نشانی خود را تأیید کنید.',
    'این پیوند ۲۴ ساعت اعتبار دارد. اگر شما نبوده‌اید، این پیام را نادیده بگیرید؛ بدون این پیوند هیچ اتفاقی نمی‌افتد.',
  ],
  action: 'تأیید نشانی من',
};
