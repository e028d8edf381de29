import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { Agent, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici';
import { startTestApp } from './app.ts';
import { freePort } from './federation.ts';
import { signUp } from './journey.ts';
import { applicationsOf, pagesOf } from './openid.ts';

/** A service over TLS with a certificate of a test authority, its user, and what relying parties need of a browser. */
export type RelyingWorld = Awaited<ReturnType<typeof startRelyingWorld>>;

export async function startRelyingWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'manam-relying-'));
  chmodSync(folder, 0o755);
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, pems.cert);
  writeFileSync(keyFile, pems.private);
  const before = getGlobalDispatcher();
  setGlobalDispatcher(new Agent({ connect: { ca: pems.cert } }));
  const port = await freePort();
  const manam = await startTestApp({
    config: { port, issuer: `https://localhost:${port}`, tls: { certFile, keyFile } },
  });
  const user = await signUp(manam);

  /** The hosted pages and their user: from the address of a request to the address of its answer. */
  async function agree(address: string | URL): Promise<URL> {
    const response = await fetch(address, { redirect: 'manual' });
    const page = new URL(response.headers.get('location') ?? '', manam.issuer);
    const handle = page.searchParams.get('request') ?? '';
    const { location } = await pagesOf(manam, user).continueAuthorization({
      request: handle,
      consent: true,
    });
    return new URL(location);
  }

  /** The sign-out page and its user: from the address of a request to where the browser goes afterwards. */
  async function leave(address: string | URL): Promise<URL> {
    const response = await fetch(address, { redirect: 'manual' });
    const page = new URL(response.headers.get('location') ?? '', manam.issuer);
    const request = page.searchParams.get('request') ?? '';
    const { location } = await pagesOf(manam, user).describeSignOut({ request });
    return new URL(location);
  }

  /** A browser with cookies, which goes through the hosted pages where it is sent to them. */
  function createBrowser() {
    const jar = new Map<string, string>();
    /** One request, without following where it leads. */
    async function once(url: string): Promise<Response> {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      // `fetch` says that it is no navigation, and then nobody is sent to sign in.
      const accept = 'text/html';
      const answer = await request(url, { headers: { cookie, accept, 'sec-fetch-mode': 'navigate' } });
      const lines = Object.entries(answer.headers).flatMap(([name, value]) =>
        [value ?? []].flat().map((each): [string, string] => [name, each]),
      );
      const response = new Response(await answer.body.text(), {
        status: answer.statusCode,
        headers: lines,
      });
      for (const line of response.headers.getSetCookie()) {
        const [pair = ''] = line.split(';');
        const at = pair.indexOf('=');
        jar.set(pair.slice(0, at), pair.slice(at + 1));
      }
      return response;
    }
    async function open(start: string): Promise<Response> {
      let url = start;
      for (let hop = 0; hop < 10; hop += 1) {
        if (url.startsWith(manam.issuer)) {
          url = String(await agree(url));
          continue;
        }
        const response = await once(url);
        const location = response.headers.get('location');
        if (location === null) return response;
        url = new URL(location, url).href;
      }
      throw new Error('too many redirects');
    }
    return Object.assign(open, { once });
  }

  return {
    manam,
    user,
    folder,
    certFile,
    agree,
    leave,
    createBrowser,
    /** Registers where an application returns to, also after a sign-out, once its port is known. */
    async returnTo(clientId: string, uri: string, afterwards = uri): Promise<void> {
      await applicationsOf(manam).update(
        { requestId: 'test', keyId: undefined, client: { address: '', userAgent: '' } },
        {
          tenant: 'dev',
          clientId,
          settings: { redirectUris: [uri], postLogoutRedirectUris: [afterwards] },
        },
      );
    },
    async close(): Promise<void> {
      setGlobalDispatcher(before);
      await manam.close();
    },
  };
}
