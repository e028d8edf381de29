import { invalid } from './errors.ts';

/** A text by its look: characters that cannot be told apart are the same (UTS #39, section 4). */
export type SkeletonOf = (text: string) => Promise<string>;

/** Slugs that mean something else in an address, or that people would take for this service. */
const reservedSlugs = new Set(
  (
    'about abuse account accounts admin administrator api app apps assets auth billing blog callback console dashboard ' +
    'deployment dev docs download help home id identity internal issuer localhost login logout mail me null oauth oidc ' +
    'operator operators password privacy public root saml sandbox security session sessions settings signin signup sso ' +
    'staff status support system team tenant tenants terms test token undefined user users webhook webhooks well-known www'
  ).split(' '),
);

/** Words that the name or slug of a self-service tenant must not resemble. */
const protectedWords = ['manam', 'مانام'];

/** Digits and signs that are read as letters. */
const letters: Readonly<Record<string, string>> = {
  0: 'o',
  1: 'l',
  3: 'e',
  4: 'a',
  5: 's',
  7: 't',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'l',
};

/** A text without accents, in one size, digits and signs as the letters that they are read as, and nothing between them. */
const bare = (text: string) =>
  text
    .normalize('NFKD')
    .replaceAll(/[013457@$!|]/g, (sign) => letters[sign] ?? sign)
    // Also what only lengthens Arabic letters.
    .replaceAll(/[^\p{L}\p{N}]|\p{Lm}/gu, '');

/** The looks of a text: of its letters as they are, and as small ones. */
async function looksOf(text: string, skeletonOf: SkeletonOf): Promise<string[]> {
  const look = async (form: string) => bare(await skeletonOf(bare(form))).toLowerCase();
  const first = await Promise.all([text, text.toLowerCase(), text.toUpperCase()].map(look));
  return [...first, ...(await Promise.all(first.map(look)))];
}

/** Scripts that names are written in; others have letters that look like Latin ones, such as Cherokee and Lisu. */
const scripts =
  /^[\p{sc=Latin}\p{sc=Arabic}\p{sc=Cyrillic}\p{sc=Greek}\p{sc=Hebrew}\p{sc=Armenian}\p{sc=Georgian}\p{sc=Devanagari}\p{sc=Bengali}\p{sc=Tamil}\p{sc=Thai}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Common}\p{sc=Inherited}]*$/u;
/** Letters of phonetic alphabets, and characters that show nothing. */
const strange = /[\u0250-\u02ff\u1d00-\u1dbf\ua720-\ua7ff]|(?![\u200c\u200d])\p{Cf}|\p{Co}|\p{Cn}/u;

/** Whether a word has letters of scripts that look alike. */
const mixesScripts = (text: string) =>
  text
    .split(/[^\p{L}\p{M}]+/u)
    .some(
      (word) =>
        [/\p{sc=Latin}/u, /\p{sc=Cyrillic}/u, /\p{sc=Greek}/u].filter((script) => script.test(word)).length >
        1,
    );

/**
 * Refuses the slug and the name of a tenant that someone makes for themselves where they are reserved, or look like
 * this service. Throws REQUEST_INVALID.
 */
export async function assertOwnName(
  { slug, name }: { readonly slug: string; readonly name: string },
  skeletonOf: SkeletonOf,
): Promise<void> {
  if (!/^[a-z][a-z0-9-]{2,38}[a-z0-9]$/.test(slug) || slug.includes('--')) {
    const description = '4 to 40 lower-case letters, digits and single dashes, a letter first';
    throw invalid({ field: 'slug', reason: 'SLUG_INVALID', description });
  }
  const guarded = (await Promise.all(protectedWords.map((word) => looksOf(word, skeletonOf)))).flat();
  const looksGuarded = async (text: string) => {
    const looks = await looksOf(text, skeletonOf);
    return looks.some((look) => guarded.some((word) => look.includes(word)));
  };
  if (reservedSlugs.has(slug) || (await looksGuarded(slug)))
    throw invalid({ field: 'slug', reason: 'SLUG_INVALID', description: 'is reserved' });
  const isStrange = !scripts.test(name) || strange.test(name) || mixesScripts(name);
  if (isStrange || (await looksGuarded(name)))
    throw invalid({ field: 'name', reason: 'NAME_INVALID', description: 'looks like another name' });
}
