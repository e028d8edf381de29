// What a developer copies from the console, with the tenant's own key in it: curl registers a first user and signs them in, the
// others sign in.

export type Snippet = { readonly name: string; readonly text: string };

type Place = { readonly url: string; readonly key: string };

const password = 'quiet-orbit-lantern-47';

const curl = ({ url, key }: Place) => `curl -s ${url}/manam.v1.AuthService/Register \\
  -H 'x-api-key: ${key}' -H 'content-type: application/json' \\
  -d '{"email":"you@example.com","password":"${password}"}'
# Open the link in the message that arrives, then:
curl -s ${url}/manam.v1.AuthService/Login \\
  -H 'x-api-key: ${key}' -H 'content-type: application/json' \\
  -d '{"email":"you@example.com","password":"${password}"}'`;

const browser = ({ url, key }: Place) => `import { createManam } from '@manam/client/web';

const manam = createManam({ url: '${url}', key: '${key}' });
await manam.auth.login({ email: 'you@example.com', password: '${password}' });
const { user } = await manam.profile.viewUser({});
console.log(user?.email);`;

const javascript = ({ url, key }: Place) => `const call = async (method, body) => {
  const headers = { 'x-api-key': '${key}', 'content-type': 'application/json' };
  const response = await fetch(\`${url}/manam.v1.\${method}\`, { method: 'POST', headers, body: JSON.stringify(body) });
  return await response.json();
};
console.log(await call('AuthService/Login', { email: 'you@example.com', password: '${password}' }));`;

const python = ({ url, key }: Place) => `import json, urllib.error, urllib.request

def call(method, body):
    headers = {'x-api-key': '${key}', 'content-type': 'application/json'}
    request = urllib.request.Request('${url}/manam.v1.' + method, json.dumps(body).encode(), headers)
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as failure:
        return json.load(failure)

print(call('AuthService/Login', {'email': 'you@example.com', 'password': '${password}'}))`;

/** The snippets for a service at an address, with a publishable key. */
export function snippetsFor(place: Place): readonly Snippet[] {
  return [
    { name: 'curl', text: curl(place) },
    { name: 'Browser', text: browser(place) },
    { name: 'Node', text: javascript(place) },
    { name: 'Python', text: python(place) },
  ];
}
