import { locked } from '../../clients/locked.ts';
import { openBrowserKey } from '../../clients/page-session.ts';
import { accounts } from '../kit/accounts.ts';

// Answers `prompt=none` (OpenID Connect Core 1.0, section 3.1.2.1): without cookies only a page can look whether this browser has a
// session. Nothing is shown; the application learns the rest. It is small, because people wait for it on their way.

type Settings = { readonly key: string; readonly slug: string; readonly request: string };

const settings = JSON.parse(
  document.querySelector('meta[name="manam"]')?.getAttribute('content') ?? '{}',
) as Settings;

async function call<T>(method: string, body: object, headers: Record<string, string>): Promise<T> {
  const response = await fetch(`/manam.v1.${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': settings.key, ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(response.status === 403 ? restricted : '');
  return (await response.json()) as T;
}

/** An access token of a session of this browser, whose refresh token one page at a time renews; undefined: there is none. */
async function renew(name: string): Promise<string | undefined> {
  const browserKey = await openBrowserKey(name);
  return await locked(name, async () => {
    const refreshToken = await browserKey?.load();
    if (browserKey === undefined || refreshToken === undefined) return undefined;
    const method = 'AuthService/RefreshToken';
    const url = `${location.origin}/manam.v1.${method}`;
    const dpop = await browserKey.key.prove({ method: 'POST', url });
    const headers = { dpop, 'dpop-bind': 'refresh_token' };
    type Answer = { readonly tokens?: { readonly accessToken?: string; readonly refreshToken?: string } };
    const { tokens } = await call<Answer>(method, { refreshToken }, headers);
    if (tokens?.refreshToken !== undefined) await browserKey.save(tokens.refreshToken);
    return tokens?.accessToken;
  });
}

type Next = { readonly location?: string };

/** The error for an incomplete session: its user has to do something first, such as set up a second factor. */
const restricted = 'restricted';

async function answer(): Promise<string> {
  const { request } = settings;
  let needsInteraction = false;
  // The application may mean any of the accounts of this browser.
  for (const name of accounts.names(settings.slug)) {
    const token = await renew(name).catch(() => undefined);
    if (token === undefined) continue;
    const authorization = `Bearer ${token}`;
    const method = 'AuthorizationService/ContinueAuthorization';
    const next = await call<Next>(method, { request }, { authorization }).catch((error: Error): Next => {
      needsInteraction ||= error.message === restricted;
      return {};
    });
    if (next.location !== undefined && next.location !== '') return next.location;
  }
  const refusal = { request, needsInteraction };
  return (await call<Next>('AuthorizationService/RefuseAuthorization', refusal, {})).location ?? '/';
}

void answer().then((address) => location.replace(address));
