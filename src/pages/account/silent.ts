import { locked, openBrowserKey } from '../../clients/page-session.ts';
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
  if (!response.ok) throw new Error(String(response.status));
  return (await response.json()) as T;
}

/** An access token of this browser's session, whose refresh token one page at a time renews; undefined: there is none. */
async function renew(): Promise<string | undefined> {
  const name = accounts.active(settings.slug);
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

async function answer(): Promise<string> {
  const { request } = settings;
  const token = await renew().catch(() => undefined);
  if (token !== undefined) {
    const authorization = `Bearer ${token}`;
    const method = 'AuthorizationService/ContinueAuthorization';
    const next = await call<Next>(method, { request }, { authorization }).catch((): Next => ({}));
    if (next.location !== undefined) return next.location;
  }
  return (await call<Next>('AuthorizationService/RefuseAuthorization', { request }, {})).location ?? '/';
}

void answer().then((address) => location.replace(address));
