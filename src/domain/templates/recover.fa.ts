import type { EmailTemplate } from './template.ts';

export const recoverFa: EmailTemplate = {
  subject: 'رمز عبور تازه برای {tenant}',
  paragraphs: [
    'کسی، احتمالاً خود شما، برای حساب شما در {tenant} رمز عبور تازه خواسته است.',
    'این پیوند ۳۰ دقیقه اعتبار دارد. اگر شما نبوده‌اید، این پیام را نادیده بگیرید؛ رمز عبور شما تغییر نمی‌کند.',
  ],
  action: 'انتخاب رمز عبور تازه',
};
