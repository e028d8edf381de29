import type { Clock } from '../domain/clock.ts';
import type { Member } from '../domain/member.ts';
import type { Random } from '../domain/random.ts';
import { DuplicateError, type Store } from '../domain/repositories.ts';

/** Someone whom a development server has ready: the owner of the tenant `dev`, with an account at Manam. */
export type ReadyMember = { readonly email: string; readonly password: string };

const email = 'owner@example.com';
/** Longest time for one call: a start does not wait for ever. */
const timeoutMs = 20_000;

export type ReadyMemberDeps = {
  readonly store: Store<'tenants' | 'members' | 'users'>;
  readonly clock: Clock;
  readonly random: Random;
  /** The address of the service, and a secret key of the tenant `manam`. */
  readonly url: string;
  readonly secretKey: string;
};

/** Makes the ready member where there is none, through the service itself, and sets a new password where it is not known. */
export async function seedReadyMember(
  deps: ReadyMemberDeps,
  known: string | undefined,
): Promise<ReadyMember> {
  const { store, clock, random } = deps;
  const manam = await store.tenants.findBySlug('manam');
  const dev = await store.tenants.findBySlug('dev');
  if (manam === undefined || dev === undefined) throw new Error('the development tenants are not there');
  const find = () => store.users.findIdentifier(manam.id, { kind: 'email', canonical: email });
  const held = await find();
  // Another instance may make the same one at this moment.
  const made = held?.userId ?? (await createUser(deps).catch(() => undefined));
  const userId = made ?? (await find())?.userId;
  if (userId === undefined) throw new Error('the ready member of the console could not be made');
  const isKnown = held !== undefined && known !== undefined;
  const password = isKnown ? known : random.bytes(15).toString('base64url');
  if (!isKnown) await call(deps, `/manage/users/${userId}:setPassword`, { password });
  await makeOwner(store, { tenantId: dev.id, userId, role: 'owner', createdAt: clock() });
  return { email, password };
}

async function makeOwner(store: ReadyMemberDeps['store'], member: Member): Promise<void> {
  if ((await store.members.find(member.tenantId, member.userId)) !== undefined) return;
  try {
    await store.members.insert(member);
  } catch (error) {
    if (!(error instanceof DuplicateError)) throw error;
  }
}

async function createUser(deps: ReadyMemberDeps): Promise<string> {
  const names = { first_name: 'Ada', last_name: 'Owner' };
  const { user } = await call(deps, '/manage/users', { email, ...names, confirmed: true, silent: true });
  return user?.user_id ?? '';
}

type Answer = { readonly user?: { readonly user_id?: string } };

async function call(
  { url, secretKey, random }: ReadyMemberDeps,
  path: string,
  body: object,
): Promise<Answer> {
  const headers = {
    'x-api-key': secretKey,
    'content-type': 'application/json',
    'idempotency-key': random.uuid(),
  };
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body), signal });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}
