import apple from 'bootstrap-icons/icons/apple.svg?raw';
import facebook from 'bootstrap-icons/icons/facebook.svg?raw';
import github from 'bootstrap-icons/icons/github.svg?raw';
import google from 'bootstrap-icons/icons/google.svg?raw';
import linkedin from 'bootstrap-icons/icons/linkedin.svg?raw';
import microsoft from 'bootstrap-icons/icons/microsoft.svg?raw';
import oidc from 'bootstrap-icons/icons/shield-lock.svg?raw';
import type { Provider } from '../../clients/web.ts';

const logos: Readonly<Record<string, string>> = { apple, facebook, github, google, linkedin, microsoft };

/** The tenant's own image of a provider, or that of its kind, in the colour of the text. */
export function ProviderLogo({
  provider: { kind, logo },
}: {
  readonly provider: Pick<Provider, 'kind' | 'logo'>;
}) {
  if (logo !== '') return <img class="logo" src={logo} alt="" />;
  // The drawings come with the page.
  return <span class="logo" aria-hidden="true" dangerouslySetInnerHTML={{ __html: logos[kind] ?? oidc }} />;
}
