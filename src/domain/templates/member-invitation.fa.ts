import type { EmailTemplate } from './template.ts';

export const memberInvitationFa: EmailTemplate = {
  subject: 'به گردانندگان {tenant} بپیوندید',
  paragraphs: [
    'از شما دعوت شده است که در گرداندن {tenant} همکاری کنید. پیوند را باز کنید، با همین نشانی وارد شوید و دعوت را بپذیرید.',
    'این پیوند ۷ روز اعتبار دارد. اگر منتظر دعوتی نبوده‌اید، این پیام را نادیده بگیرید؛ بدون شما هیچ اتفاقی نمی‌افتد.',
  ],
  action: 'دیدن دعوت',
};
