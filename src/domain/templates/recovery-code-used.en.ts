import type { EmailTemplate } from './template.ts';

export const recoveryCodeUsedEn: EmailTemplate = {
  subject: 'A recovery code was used at {tenant}',
  paragraphs: [
    'A recovery code of your account at {tenant} was used in the place of your second factor. It is good no more.',
    'If it was not you, change your password and make new recovery codes at once.',
  ],
  action: '',
};
