import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { escapeHtml } from '../domain/html.ts';
import type { Locale } from '../domain/locale.ts';
import type { Tenant } from '../domain/tenant.ts';
import { root } from '../root.ts';
import { pageSettingsOf } from './page-settings.ts';

/** Where the hosted pages stand: a tenant's under its name, what they load under a name that no tenant can have. */
export const accountPath = '/account';
const assetPath = `${accountPath}/-/`;
/** Where the console stands; below it the tenant that it shows. */
export const consolePath = '/console';
/** Where a development server signs its ready member in. */
export const readyPath = '/dev/console';
/** Where a user of Manam makes a tenant. */
export const newTenantPath = `${consolePath}/-/new`;

/** The hosted pages that links in messages and identity providers lead to, where a tenant names no others. */
export type HostedPage =
  | 'sign-in'
  | 'provider'
  | 'report'
  | 'undo'
  | 'cancel-reset'
  | 'authorize'
  | 'device'
  | 'sign-out'
  | 'invitation'
  | 'manam-login';

/** The path of a tenant's hosted page, such as the one that links to sign in lead to. */
export function hostedPagePath(slug: string, page: HostedPage): string {
  return `${accountPath}/${slug}/${page}`;
}

const folder = new URL('built/pages/', root);

type Manifest = Readonly<
  Record<
    string,
    {
      readonly file: string;
      readonly name?: string;
      readonly isEntry?: boolean;
      readonly imports?: readonly string[];
      readonly css?: readonly string[];
    }
  >
>;

/** Pages that are built: each is a script with its styles. */
export type HostedEntry = 'account' | 'console' | 'ready';
type EntryName = HostedEntry | 'reference' | 'silent';
/** The files that a page loads first: script, styles, and what the script imports, the words of its language among it. */
type Entry = {
  readonly script: string;
  readonly styles: readonly string[];
  readonly parts: (locale: Locale) => readonly string[];
};

const knownEntries = new Map<EntryName, Entry>();

/** The styles of a chunk and of what it imports, those that others build on first. */
function stylesOf(manifest: Manifest, key: string, seen: Set<string> = new Set()): string[] {
  const chunk = manifest[key];
  if (chunk === undefined || seen.has(key)) return [];
  seen.add(key);
  return [...(chunk.imports ?? []).flatMap((each) => stylesOf(manifest, each, seen)), ...(chunk.css ?? [])];
}

/** The file of a chunk and those that it imports. */
function filesOf(manifest: Manifest, key: string): string[] {
  const chunk = manifest[key];
  return chunk === undefined
    ? []
    : [chunk.file, ...(chunk.imports ?? []).flatMap((each) => filesOf(manifest, each))];
}

/** A built page by its manifest. Throws where no one has built it. */
function readEntry(name: EntryName): Entry {
  const known = knownEntries.get(name);
  if (known !== undefined) return known;
  const file = name === 'silent' ? 'silent.json' : 'manifest.json';
  const manifest = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Manifest;
  const [key, entry] =
    Object.entries(manifest).find(([, each]) => each.isEntry === true && each.name === name) ?? [];
  if (key === undefined || entry === undefined) throw new Error('the pages have no entry: npm run pages');
  const read = {
    script: entry.file,
    styles: stylesOf(manifest, key),
    parts: (locale: Locale) => {
      const files = [...filesOf(manifest, key), ...filesOf(manifest, `${name}/words.${locale}.ts`)];
      return [...new Set(files)].filter((file) => file !== entry.file);
    },
  };
  knownEntries.set(name, read);
  return read;
}

/** The page that answers `prompt=none` of an application: it shows nothing and goes on at once. */
export function renderSilentPage({ slug }: Pick<Tenant, 'slug'>, key: string, request: string): string {
  const { script } = readEntry('silent');
  const content = escapeHtml(JSON.stringify({ key, slug, request }));
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>…</title><meta name="robots" content="noindex"><link rel="icon" href="data:,">
<meta name="manam" content="${content}"><script type="module" src="${assetPath}${script}"></script></head><body></body></html>`;
}

/** The page that shows the reference of the API. */
export function renderReferencePage(): string {
  const { script, styles } = readEntry('reference');
  const sheets = styles.map((file) => `<link rel="stylesheet" href="${assetPath}${file}">`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Manam API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
${sheets}<script type="module" src="${assetPath}${script}"></script></head><body><div id="app"></div></body></html>`;
}

/** Throws where the hosted pages were not built: without them a start would only seem to succeed. */
export function assertPagesBuilt(): void {
  try {
    readEntry('account');
    readEntry('console');
  } catch {
    throw new Error(
      'the hosted pages are not there: in a checkout run `npm ci && npm run pages`; for production install what `npm pack` makes',
    );
  }
}

/** The page of a tenant, or the console for users of the tenant `manam`; the script in it draws what its path asks for. */
export function renderHostedPage(page: HostedEntry, locale: Locale, tenant: Tenant, key: string): string {
  const { script, styles, parts } = readEntry(page);
  const settings = pageSettingsOf(tenant, key);
  const sheets = styles.map((file) => `<link rel="stylesheet" href="${assetPath}${file}">`).join('');
  // They are asked for by the script: without this they would come a round trip later.
  const early = parts(locale)
    .map((file) => `<link rel="modulepreload" href="${assetPath}${file}">`)
    .join('');
  return `<!doctype html><html lang="${locale}" dir="${locale === 'fa' ? 'rtl' : 'ltr'}"><head><meta charset="utf-8">
<title>${escapeHtml(tenant.name)}</title><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex"><link rel="icon" href="data:,">
<meta name="manam" content="${escapeHtml(JSON.stringify(settings))}">
${sheets}${early}<script type="module" src="${assetPath}${script}"></script></head>
<body><div id="app"></div><noscript>${locale === 'fa' ? 'این صفحه به جاوااسکریپت نیاز دارد.' : 'This page needs JavaScript.'}</noscript></body></html>`;
}

export type Asset = { readonly type: string; readonly body: Buffer; readonly packed: Buffer };

const types: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};
const assets = new Map<string, Asset>();

/** A file of the built pages by its path, or undefined where there is none. Their names change with what is in them. */
export function findPageAsset(path: string): Asset | undefined {
  const name = path.startsWith(assetPath) ? path.slice(assetPath.length) : '';
  const extension = /^[\w-]+(?:\.[\w-]+)*\.(js|css)$/.exec(name)?.[1];
  if (extension === undefined) return undefined;
  const known = assets.get(name);
  if (known !== undefined) return known;
  try {
    const body = readFileSync(new URL(name, folder));
    const asset = { type: types[extension] ?? '', body, packed: gzipSync(body) };
    assets.set(name, asset);
    return asset;
  } catch {
    // Of an earlier version, or of no one.
    return undefined;
  }
}
