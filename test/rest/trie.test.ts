import { expect, test } from 'vitest';
import { parseTemplate } from '../../src/rest/template.ts';
import { createRouteTrie } from '../../src/rest/trie.ts';

const routes: [string, string][] = [
  ['GET', '/users'],
  ['GET', '/users/me'],
  ['GET', '/users/{id}'],
  ['DELETE', '/users/{id}'],
  ['POST', '/users/{id}:cancel'],
  ['GET', '/users/{id}/books/{book}'],
  ['GET', '/files/{path=**}'],
  ['GET', '/shelves/{name=a/*/b/*}'],
  ['POST', '/things:batch'],
];
const trie = createRouteTrie<string>();
for (const [method, template] of routes)
  trie.add(method, parseTemplate(template), `${method} ${template}`, template);

const found: [string, string, string, string[]][] = [
  ['GET', '/users', 'GET /users', []],
  ['GET', '/users/me', 'GET /users/me', []],
  // The literal lacks the method: the wildcard has it.
  ['DELETE', '/users/me', 'DELETE /users/{id}', ['me']],
  ['GET', '/users/7', 'GET /users/{id}', ['7']],
  ['GET', '/users/a%2Fb', 'GET /users/{id}', ['a/b']],
  ['GET', '/users/a%20b', 'GET /users/{id}', ['a b']],
  ['GET', '/users/a+b@example.com', 'GET /users/{id}', ['a+b@example.com']],
  ['POST', '/users/7:cancel', 'POST /users/{id}:cancel', ['7']],
  // No such verb with this method: the colon belongs to the value.
  ['GET', '/users/7:cancel', 'GET /users/{id}', ['7:cancel']],
  ['GET', '/users/7:other', 'GET /users/{id}', ['7:other']],
  ['GET', '/users/7/books/8', 'GET /users/{id}/books/{book}', ['7', '8']],
  // Several segments keep their encoding, so that %2F differs from a slash.
  ['GET', '/files/a/b%2Fc/d', 'GET /files/{path=**}', ['a/b%2Fc/d']],
  ['GET', '/shelves/a/1/b/2', 'GET /shelves/{name=a/*/b/*}', ['a/1/b/2']],
  ['POST', '/things:batch', 'POST /things:batch', []],
];
for (const [method, path, route, values] of found) {
  test(`${method} ${path} leads to ${route}`, () => {
    const match = trie.find(method, path);
    expect(match).toMatchObject({ found: 'route', route });
    expect(match?.found === 'route' && match.variables.map(({ value }) => value)).toEqual(values);
  });
}

const otherMethods: [string, string, string[]][] = [
  ['POST', '/users', ['GET']],
  ['PUT', '/users/me', ['DELETE', 'GET']],
  ['PUT', '/users/7:cancel', ['DELETE', 'GET', 'POST']],
  ['GET', '/things:batch', ['POST']],
];
for (const [method, path, methods] of otherMethods) {
  test(`${method} ${path} is rejected: the path allows ${methods.join(' and ')}`, () => {
    expect(trie.find(method, path)).toEqual({ found: 'path', methods });
  });
}

for (const path of [
  '',
  '/',
  'users',
  '/users/',
  '/Users',
  '/user',
  '/users//',
  '//users',
  '/users/7/',
  '/users/7/books',
  '/users/7/books/',
  '/things',
  '/things:other',
  '/users/%zz',
  '/files',
  '/files/',
  '/files//a',
  '/users%2Fme',
  '/shelves/a/1/c/2',
  '/users/.',
  '/users/%',
]) {
  test(`GET '${path}' leads nowhere, or to what it says`, () => {
    const match = trie.find('GET', path);
    expect(match === undefined || path === '/users/.').toBe(true);
  });
}

test('two routes that claim one path are rejected at start-up with both names', () => {
  const own = createRouteTrie<string>();
  own.add('GET', parseTemplate('/a/{b}'), 'first', 'svc/First');
  expect(() => own.add('GET', parseTemplate('/a/{c}'), 'second', 'svc/Second')).toThrowError(
    'svc/Second and svc/First both claim the same GET route',
  );
});
