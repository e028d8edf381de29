// Puts beside the compiled sources what they read or import and the compiler leaves out.
import { cpSync } from 'node:fs';

for (const path of ['gen', 'src/store/migrations', 'src/pages/theme.css', 'built/pages']) {
  cpSync(new URL(`../${path}`, import.meta.url), new URL(`../dist/${path}`, import.meta.url), {
    recursive: true,
  });
}
