import type { EmailTemplate } from './template.ts';

export const changeEmailFa: EmailTemplate = {
  subject: 'تأیید نشانی ایمیل جدید شما برای {tenant}',
  paragraphs: [
    'برای اینکه از این پس از این نشانی برای حساب خود در {tenant} استفاده کنید، آن را تأیید کنید.',
    'این پیوند ۲۴ ساعت اعتبار دارد. اگر این درخواست از شما نبوده، این پیام را نادیده بگیرید؛ بدون این پیوند چیزی تغییر نمی‌کند.',
  ],
  action: 'تأیید نشانی جدید من',
};
