import type { EmailTemplate } from './template.ts';

export const webhookDisabledFa: EmailTemplate = {
  subject: 'یک وب‌هوک {tenant} خاموش شد',
  paragraphs: [
    'به وب‌هوک {tenant} در {address} دیگر رویدادی فرستاده نمی‌شود: نشانی آن سه روز پاسخ درستی نداده یا گفته است که دیگر وجود ندارد (۴۱۰).',
    'رویدادهایی که به آن نرسیده‌اند در انتظارند. کنسول را باز کنید تا پاسخ‌های آن را ببینید، و پس از رفع مشکل دوباره روشنش کنید.',
  ],
  action: 'دیدن وب‌هوک',
};
