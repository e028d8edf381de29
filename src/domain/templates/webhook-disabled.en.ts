import type { EmailTemplate } from './template.ts';

export const webhookDisabledEn: EmailTemplate = {
  subject: 'A webhook of {tenant} has been switched off',
  paragraphs: [
    'The webhook of {tenant} at {address} gets no more events: its address has failed for three days, or has answered that it is gone (410).',
    'What it missed waits for it. Open the console to see what it answered, and switch it on again once it works.',
  ],
  action: 'See the webhook',
};
