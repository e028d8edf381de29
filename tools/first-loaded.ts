// Which modules of the hosted pages come in one file.
import type { CodeSplittingNameFunction } from 'rolldown';

const pages = ['account', 'console', 'reference'];
/** Pages name the contracts of all services, and ask for one at its first call; that of a sign-in comes with them. */
const later =
  /\/gen\/manam\/v1\/(?!auth_service_|session_|user_)|\/clients\/web\.ts$|\/browser-services\.ts$/;

/**
 * Names the file of a module that pages load first, after those pages; null: it comes with what asks for it. In three files that is a
 * fifth smaller than in thirty, and asked for at once.
 */
export function firstLoaded(folder: string): CodeSplittingNameFunction {
  const firsts = new Map<string, ReadonlySet<string>>();
  return (id, context) => {
    // Sheets keep their order as the entries have it.
    if (later.test(id) || id.endsWith('.css')) return null;
    const importsOf = (from: string) => context.getModuleInfo(from)?.importedIds ?? [];
    const loading = pages.filter((page) => {
      const first = firsts.get(page) ?? reachable(`${folder}/${page}/main.tsx`, importsOf);
      firsts.set(page, first);
      return first.has(id);
    });
    // The parts of the account page are for it; those of the console are shared with parts that come later.
    const isTogether = loading.length > 1 || (loading[0] === 'account' && !id.endsWith('/main.tsx'));
    return isTogether ? loading.join('-') : null;
  };
}

/** A module and all that it imports, itself or by others. */
function reachable(entry: string, importsOf: (id: string) => readonly string[]): ReadonlySet<string> {
  const found = new Set([entry]);
  for (const id of found) for (const imported of importsOf(id)) found.add(imported);
  return found;
}
