/** The languages of the components. */
export type ReactLocale = 'en' | 'fa';

/** What the components say. */
export const words = {
  en: {
    signIn: 'Sign in',
    signOut: 'Sign out',
    account: 'My account',
    menu: 'Your account: {name}',
    loading: 'One moment …',
    failed: 'The sign-in could not be completed. Try again.',
    denied: 'You have no access to this.',
  },
  fa: {
    signIn: 'ورود',
    signOut: 'خروج',
    account: 'حساب من',
    menu: 'حساب شما: {name}',
    loading: 'کمی صبر کنید …',
    failed: 'ورود کامل نشد. دوباره تلاش کنید.',
    denied: 'شما به این بخش دسترسی ندارید.',
  },
} as const;

export type Words = { readonly [Name in keyof (typeof words)['en']]: string };
