import type { EmailTemplate } from './template.ts';

export const newSignInFa: EmailTemplate = {
  subject: 'ورود تازه به {tenant}',
  paragraphs: [
    'حساب شما در {tenant} با دستگاهی باز شد که پیش از این با آن استفاده نشده بود: {device}، از نشانی شبکهٔ {address}.',
    'اگر خودتان بوده‌اید، این پیام را نادیده بگیرید. اگر نه، پیوند را باز کنید و دکمهٔ آنجا را بزنید: همهٔ نشست‌های حساب پایان می‌یابند و رمز تازه‌ای انتخاب می‌کنید. این پیوند ۷ روز اعتبار دارد.',
  ],
  action: 'من نبودم',
};
