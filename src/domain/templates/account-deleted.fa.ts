import type { EmailTemplate } from './template.ts';

export const accountDeletedFa: EmailTemplate = {
  subject: 'حساب شما در {tenant} حذف شد',
  paragraphs: [
    'حساب شما در {tenant} و همهٔ اطلاعات شما حذف شد.',
    'اگر شما نبوده‌اید، با {tenant} تماس بگیرید.',
  ],
  action: '',
};
