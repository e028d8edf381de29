import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * The package.json of drizzle-orm lists some 450 exports, and Node hands all of it out again for every module
 * of the package that it resolves and loads: 120 MB of garbage and a third of a second at each start. Its
 * modules name each other by their files and are all of one kind, so that nothing has to be looked up.
 */
const inside = /\/node_modules\/drizzle-orm\/.*\.js$/;

export function importLeanly(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const url = specifier.startsWith('.') && URL.parse(specifier, context.parentURL)?.href;
      if (!url || !inside.test(url)) return next(specifier, context);
      return { url, format: 'module', shortCircuit: true };
    },
    load(url, context, next) {
      if (!inside.test(url)) return next(url, context);
      return { source: readFileSync(fileURLToPath(url)), format: 'module', shortCircuit: true };
    },
  });
}
