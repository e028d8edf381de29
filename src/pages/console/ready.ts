import { createManam } from '../../clients/web.ts';
import { accounts } from '../kit/accounts.ts';
import { readSettings } from '../kit/settings.ts';

// Of a development server: signs its ready member in and goes to the console. Address and password stand behind the #,
// which no server sees, and leave the address at once.

const [email = '', password = ''] = decodeURIComponent(location.hash.slice(1)).split(' ');
history.replaceState(null, '', location.pathname);

async function goIn(): Promise<void> {
  const { slug, key } = readSettings();
  const sessionName = accounts.active(slug);
  const manam = createManam({ url: location.origin, key, sessionName });
  if (password !== '') {
    await manam.auth.login({ email, password });
    accounts.note(slug, { name: sessionName, label: email });
  }
  location.replace('/console/');
}

goIn().catch((error: unknown) => {
  document.body.textContent = error instanceof Error ? error.message : String(error);
});
