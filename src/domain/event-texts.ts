import type { EventType, SessionEnd } from './events.ts';
import type { Locale } from './locale.ts';

type Texts = Readonly<Record<Locale, string>>;

/** The words for the events that users see; other events have none. */
export const eventTexts: Readonly<Partial<Record<EventType, Texts>>> = {
  'user.registered': { en: 'You registered.', fa: 'ثبت‌نام کردید.' },
  'user.created': { en: 'Your account was created.', fa: 'حساب شما ساخته شد.' },
  'user.confirmed': { en: 'Your account was confirmed.', fa: 'حساب شما تأیید شد.' },
  'user.updated': { en: 'Your profile was changed.', fa: 'مشخصات شما تغییر کرد.' },
  'user.roles_changed': { en: 'Your roles were changed.', fa: 'نقش‌های شما تغییر کرد.' },
  'user.disabled': { en: 'Your account was disabled.', fa: 'حساب شما غیرفعال شد.' },
  'user.impersonated': {
    en: 'Support looked at your account as you see it.',
    fa: 'پشتیبانی حساب شما را همان‌گونه که می‌بینید دید.',
  },
  'user.enabled': { en: 'Your account was enabled again.', fa: 'حساب شما دوباره فعال شد.' },
  'user.taken_over': {
    en: 'You proved that the account is yours; what was set up before was removed.',
    fa: 'مالکیت حساب را ثابت کردید؛ آنچه پیش‌تر تنظیم شده بود حذف شد.',
  },
  'user.exported': { en: 'A copy of your data was made.', fa: 'نسخه‌ای از داده‌های شما گرفته شد.' },
  'identifier.confirmed': {
    en: 'An address or number was confirmed.',
    fa: 'یک نشانی یا شماره تأیید شد.',
  },
  'identifier.change_started': {
    en: 'A change of an address or number was started.',
    fa: 'تغییر یک نشانی یا شماره آغاز شد.',
  },
  'identifier.changed': { en: 'An address or number was changed.', fa: 'یک نشانی یا شماره تغییر کرد.' },
  'identifier.change_failed': {
    en: 'A change of an address or number failed.',
    fa: 'تغییر یک نشانی یا شماره ناموفق بود.',
  },
  'identifier.removed': { en: 'An address or number was removed.', fa: 'یک نشانی یا شماره حذف شد.' },
  'credential.changed': { en: 'Your password was changed.', fa: 'گذرواژه شما تغییر کرد.' },
  'credential.removed': { en: 'Your password was removed.', fa: 'گذرواژه شما حذف شد.' },
  'credential.change_failed': {
    en: 'A change of your password failed.',
    fa: 'تغییر گذرواژه شما ناموفق بود.',
  },
  'account.frozen': {
    en: 'A change was reported as not yours, and the account was frozen.',
    fa: 'تغییری گزارش شد که از شما نبود و حساب موقتاً بسته شد.',
  },
  'account.restore_requested': {
    en: 'Someone asked to undo the last changes of your account.',
    fa: 'کسی خواست تغییرهای اخیر حساب شما برگردانده شود.',
  },
  'account.restore_rejected': {
    en: 'An undo of changes of your account was rejected.',
    fa: 'برگرداندن تغییرهای حساب شما رد شد.',
  },
  'account.restored': { en: 'Changes of your account were undone.', fa: 'تغییرهای حساب شما برگردانده شد.' },
  'account.restore_failed': {
    en: 'An attempt to undo changes failed.',
    fa: 'تلاش برای برگرداندن تغییرها ناموفق بود.',
  },
  'recovery.completed': {
    en: 'Your account was recovered with a new password.',
    fa: 'حساب شما با گذرواژه تازه بازیابی شد.',
  },
  'authenticator.enrolment_started': {
    en: 'The setup of a second step was started.',
    fa: 'راه‌اندازی مرحله دوم ورود آغاز شد.',
  },
  'authenticator.enrolment_failed': {
    en: 'The setup of a second step or passkey failed.',
    fa: 'راه‌اندازی مرحله دوم یا کلید عبور ناموفق بود.',
  },
  'authenticator.added': {
    en: 'A second step or passkey was added.',
    fa: 'یک مرحله دوم یا کلید عبور افزوده شد.',
  },
  'authenticator.removed': {
    en: 'A second step or passkey was removed.',
    fa: 'یک مرحله دوم یا کلید عبور حذف شد.',
  },
  'authenticator.removal_failed': {
    en: 'An attempt to remove a second step failed.',
    fa: 'تلاش برای حذف مرحله دوم ناموفق بود.',
  },
  'authenticator.renamed': { en: 'A passkey was renamed.', fa: 'نام یک کلید عبور تغییر کرد.' },
  'authenticator.counter_fell': {
    en: 'A passkey was refused, because a copy of it may exist.',
    fa: 'یک کلید عبور پذیرفته نشد، زیرا شاید رونوشتی از آن وجود دارد.',
  },
  'authenticators.reset': { en: 'Your second steps were reset.', fa: 'مرحله‌های دوم ورود شما بازنشانی شد.' },
  'authenticators.reset_requested': {
    en: 'A reset of your second steps was requested.',
    fa: 'بازنشانی مرحله‌های دوم ورود درخواست شد.',
  },
  'authenticators.reset_cancelled': {
    en: 'A reset of your second steps was cancelled.',
    fa: 'بازنشانی مرحله‌های دوم ورود لغو شد.',
  },
  'authenticators.reset_failed': {
    en: 'A reset of your second steps failed.',
    fa: 'بازنشانی مرحله‌های دوم ورود ناموفق بود.',
  },
  'recovery_codes.regenerated': { en: 'New recovery codes were made.', fa: 'کدهای بازیابی تازه ساخته شد.' },
  'device.trusted': { en: 'A device was remembered.', fa: 'یک دستگاه به خاطر سپرده شد.' },
  'device.removed': { en: 'A remembered device was removed.', fa: 'یک دستگاه از فهرست حذف شد.' },
  'session.started': { en: 'You signed in.', fa: 'وارد شدید.' },
  'session.ended': { en: 'A session was signed out.', fa: 'یک نشست پایان یافت.' },
  'session.reuse_detected': {
    en: 'A session ended, because one of its tokens was used twice: someone may have had a copy.',
    fa: 'یک نشست پایان یافت، زیرا یکی از توکن‌های آن دو بار به کار رفت و شاید کسی رونوشتی از آن داشت.',
  },
  'sessions.ended': { en: 'Other sessions were signed out.', fa: 'نشست‌های دیگر پایان یافتند.' },
  'sign_in.failed': { en: 'A sign-in failed.', fa: 'یک تلاش برای ورود ناموفق بود.' },
  'sign_in.reported': {
    en: 'You reported a sign-in as not yours.',
    fa: 'گزارش دادید که یک ورود از شما نبود.',
  },
  'step_up.completed': { en: 'You confirmed that it is you.', fa: 'هویت خود را دوباره تأیید کردید.' },
  'step_up.failed': {
    en: 'A confirmation that it is you failed.',
    fa: 'تأیید دوباره هویت ناموفق بود.',
  },
  'terms.accepted': { en: 'You accepted the terms of use.', fa: 'شرایط استفاده را پذیرفتید.' },
  'consent.granted': {
    en: 'You allowed another service to sign you in.',
    fa: 'به سرویس دیگری اجازه ورود با این حساب دادید.',
  },
  'application.disconnected': { en: 'You disconnected an application.', fa: 'یک برنامه را جدا کردید.' },
  'grant.approved': { en: 'You signed in to an application.', fa: 'به یک برنامه وارد شدید.' },
  'grant.ended': { en: 'An application signed you out.', fa: 'یک برنامه شما را خارج کرد.' },
  'grant.reuse_detected': {
    en: 'An application was signed out, because one of its codes or tokens was used twice.',
    fa: 'یک برنامه خارج شد، زیرا یکی از کدها یا توکن‌های آن دو بار به کار رفت.',
  },
  'device_code.refused': { en: 'You refused a device.', fa: 'ورود یک دستگاه را نپذیرفتید.' },
  'identity.linked': { en: 'An account elsewhere was connected.', fa: 'حسابی در جای دیگر متصل شد.' },
  'identity.link_failed': {
    en: 'A connection of an account elsewhere failed.',
    fa: 'اتصال حسابی در جای دیگر ناموفق بود.',
  },
  'identity.unlinked': {
    en: 'An account elsewhere was disconnected.',
    fa: 'اتصال حسابی در جای دیگر برداشته شد.',
  },
};

/** The words for an event of that type. */
export function textOfEvent(type: EventType, locale: Locale): string {
  return eventTexts[type]?.[locale] ?? type;
}

/** Why a session is as it is. */
export const sessionTexts = {
  active: { en: 'The session is active.', fa: 'نشست فعال است.' },
  expired: {
    en: 'The session expired, because it was not used or had reached its longest time.',
    fa: 'نشست منقضی شد، زیرا به کار نرفت یا به بیشترین مدت خود رسید.',
  },
  unknownCall: { en: 'The log has nothing of this call.', fa: 'گزارش چیزی از این درخواست ندارد.' },
  unknown: {
    en: 'The log no longer has what ended it.',
    fa: 'گزارش دیگر دلیل آن را ندارد.',
  },
  others: {
    en: 'It ended with all other sessions of the account, because of: {cause}',
    fa: 'همراه با نشست‌های دیگر حساب پایان یافت، به این دلیل: {cause}',
  },
} as const satisfies Readonly<Record<string, Texts>>;

/** Why one session ended. */
export const endTexts: Readonly<Record<SessionEnd, Texts>> = {
  logout: { en: 'It was signed out on its own device.', fa: 'روی همان دستگاه خارج شد.' },
  revoked: { en: 'It was signed out from elsewhere.', fa: 'از جای دیگری پایان داده شد.' },
  'device-removed': {
    en: 'It ended with the remembered device that it relied on.',
    fa: 'با حذف دستگاهی که به آن تکیه داشت پایان یافت.',
  },
  replaced: {
    en: 'It ended because newer sign-ins took its place: an account has at most 50 sessions.',
    fa: 'ورودهای تازه‌تر جای آن را گرفتند: هر حساب بیشینه ۵۰ نشست دارد.',
  },
  'provider-logout': {
    en: 'It was signed out at the identity provider that it began with.',
    fa: 'در سرویس هویتی که ورود با آن انجام شده بود خروج انجام شد.',
  },
};
