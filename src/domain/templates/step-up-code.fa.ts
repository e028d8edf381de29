import type { EmailTemplate } from './template.ts';

export const stepUpCodeFa: EmailTemplate = {
  subject: 'کد شما برای {tenant}',
  paragraphs: [
    'این کد را در صفحهٔ {tenant} که می‌خواهید در آن چیزی را تغییر دهید بنویسید:',
    '{code}',
    'این کد ۱۰ دقیقه اعتبار دارد. آن را به کسی نگویید. اگر شما نبوده‌اید، نشست‌های حساب خود را پایان دهید.',
  ],
  action: '',
};
