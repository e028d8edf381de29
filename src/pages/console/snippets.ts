// What a developer copies from the console: a first user who registers and signs in, with the tenant's own key in it.

export type Snippet = { readonly name: string; readonly language: string; readonly text: string };

type Place = { readonly url: string; readonly key: string };

const password = 'quiet-orbit-lantern-47';

const curl = ({ url, key }: Place) => `curl -s ${url}/manam.v1.AuthService/Register \\
  -H 'x-api-key: ${key}' -H 'content-type: application/json' \\
  -d '{"email":"you@example.com","password":"${password}"}'
# Open the link in the message that arrives, then:
curl -s ${url}/manam.v1.AuthService/Login \\
  -H 'x-api-key: ${key}' -H 'content-type: application/json' \\
  -d '{"email":"you@example.com","password":"${password}"}'`;

const browser = ({ url, key }: Place) => `import { createManam } from 'manam/web';

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

const go = ({ url, key }: Place) => `package main

import (
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	body := strings.NewReader(\`{"email":"you@example.com","password":"${password}"}\`)
	request, _ := http.NewRequest("POST", "${url}/manam.v1.AuthService/Login", body)
	request.Header.Set("x-api-key", "${key}")
	request.Header.Set("content-type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	io.Copy(os.Stdout, response.Body)
}`;

/** The snippets for a service at an address, with a publishable key. */
export function snippetsFor(place: Place): readonly Snippet[] {
  return [
    { name: 'curl', language: 'sh', text: curl(place) },
    { name: 'Browser', language: 'ts', text: browser(place) },
    { name: 'Node', language: 'js', text: javascript(place) },
    { name: 'Python', language: 'py', text: python(place) },
    { name: 'Go', language: 'go', text: go(place) },
  ];
}
