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

/** What no tenant that people make for themselves may look like. */
const protectedWords = ['manam'];

/** Digits that are read as letters. */
const letters: Readonly<Record<string, string>> = { 0: 'o', 1: 'l', 3: 'e', 4: 'a', 5: 's', 7: 't' };
const unread = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[013457]/g, (digit) => letters[digit] ?? digit)
    .replaceAll(/[^\p{L}\p{N}]/gu, '');

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
  const guarded = await Promise.all(protectedWords.map((word) => skeletonOf(word)));
  const looksGuarded = async (text: string) => {
    const looks = await Promise.all([text.toLowerCase(), unread(text)].map((each) => skeletonOf(each)));
    return looks.some((look) => guarded.some((word) => unread(look).includes(word)));
  };
  if (reservedSlugs.has(slug) || (await looksGuarded(slug)))
    throw invalid({ field: 'slug', reason: 'SLUG_INVALID', description: 'is reserved' });
  if (mixesScripts(name) || (await looksGuarded(name)))
    throw invalid({ field: 'name', reason: 'NAME_INVALID', description: 'looks like another name' });
}
