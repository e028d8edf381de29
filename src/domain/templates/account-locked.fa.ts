import type { EmailTemplate } from './template.ts';

export const accountLockedFa: EmailTemplate = {
  subject: 'رمزهای نادرست برای حساب شما در {tenant}',
  paragraphs: [
    'کسی چند بار رمز نادرست برای حساب شما در {tenant} وارد کرده است. تلاش‌های بعدی باید مدتی صبر کنند.',
    'اگر شما بودید، نیم دقیقه صبر کنید یا رمز تازه‌ای بخواهید. اگر شما نبودید، لازم نیست کاری انجام دهید.',
  ],
  action: '',
};
