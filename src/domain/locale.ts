/** The languages that every text to a person exists in. */
export const locales = ['en', 'fa'] as const;

export type Locale = (typeof locales)[number];

export function isLocale(value: string): value is Locale {
  return (locales as readonly string[]).includes(value);
}

/** The language of a tag such as `fa`, `fa-IR` or `fa_IR` (RFC 5646, section 2.1); undefined: unsupported. */
export function parseLocale(tag: string): Locale | undefined {
  const language = tag.trim().toLowerCase().split(/[-_]/, 1)[0] ?? '';
  return /^[\w-]{1,35}$/.test(tag.trim()) && isLocale(language) ? language : undefined;
}

/**
 * The best of our languages for an `Accept-Language` header (RFC 9110, section
 * 12.5.4), or undefined where the header wants none of them. Read leniently: the
 * documented samples send `en-ca,en;q=0.8,en-us;`, with an empty parameter.
 */
export function negotiateLocale(header: string | null): Locale | undefined {
  let best: { locale: Locale; quality: number } | undefined;
  for (const range of (header ?? '').slice(0, 256).split(',')) {
    const [tag = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const locale = parseLocale(tag);
    if (locale === undefined) continue;
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2));
    if (quality > (best?.quality ?? 0)) best = { locale, quality };
  }
  return best?.locale;
}
