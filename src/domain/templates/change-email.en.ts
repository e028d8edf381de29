import type { EmailTemplate } from './template.ts';

export const changeEmailEn: EmailTemplate = {
  subject: 'Confirm your new e-mail address for {tenant}',
  paragraphs: [
    'Confirm this address to use it for your account at {tenant} from now on.',
    'The link is valid for 24 hours. If you did not ask for this, ignore this message: nothing changes without the link.',
  ],
  action: 'Confirm my new address',
};
