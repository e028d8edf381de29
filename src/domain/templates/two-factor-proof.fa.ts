import type { EmailTemplate } from './template.ts';

export const twoFactorProofFa: EmailTemplate = {
  subject: 'تأیید راه‌اندازی ورود دومرحله‌ای در {tenant}',
  paragraphs: [
    'کسی، احتمالاً خود شما، در حال راه‌اندازی ورود دومرحله‌ای برای حساب شما در {tenant} است. برای ادامه آن را تأیید کنید.',
    'این پیوند ۱۰ دقیقه اعتبار دارد. اگر شما نبوده‌اید، رمز عبور خود را تغییر دهید؛ کسی با حساب شما وارد شده است.',
  ],
  action: 'ادامهٔ راه‌اندازی',
};
