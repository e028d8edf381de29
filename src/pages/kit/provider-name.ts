import type { Provider } from '../../clients/web.ts';

const names: Readonly<Record<string, string>> = {
  apple: 'Apple',
  facebook: 'Facebook',
  github: 'GitHub',
  google: 'Google',
  linkedin: 'LinkedIn',
  manam: 'Manam',
  microsoft: 'Microsoft',
};

/** The name that people know a provider by. */
export function nameOfProvider({
  name,
  kind,
  displayName,
}: Pick<Provider, 'name' | 'kind' | 'displayName'>): string {
  return displayName || names[kind] || name;
}
