import type { EmailTemplate } from './template.ts';

export const confirmEmailEn: EmailTemplate = {
  subject: 'Confirm your e-mail address for {tenant}',
  paragraphs: [
    'Someone, hopefully you, registered at {tenant} with this address. Confirm that it is yours to finish.',
    'The link is valid for 24 hours. If it was not you, ignore this message: nothing happens without the link.',
  ],
  action: 'Confirm my address',
};
