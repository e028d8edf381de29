import type { AuthenticatorKind } from '../../domain/authenticator.ts';
import { beginningOfEmail } from '../../domain/email.ts';
import { invalid } from '../../domain/errors.ts';
import type { Sight } from '../../domain/member.ts';
import { beginningOfMobile } from '../../domain/mobile.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import type { Store } from '../../domain/repositories.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { foldDigits } from '../../domain/typed-text.ts';
import type { User, UserView } from '../../domain/user.ts';
import type { UserFilter, UserPlace } from '../../domain/user-list.ts';
import type { Vault } from '../../domain/vault.ts';
import { createPages, type PageRequest } from './manager.ts';

export type UserQuery = PageRequest & {
  readonly query: string;
  /** Empty: by the form of the query. */
  readonly searchBy: string;
  readonly state: string;
  readonly createdFrom: Date | undefined;
  readonly createdUntil: Date | undefined;
  readonly factor: string;
  readonly provider: string;
};

const defaultPageSize = 50;
const maxReads = 5;

/** The filter of each way to search, in the order in which they are gone through. */
function searchesOf({ query, searchBy }: UserQuery, policy: TenantPolicy, sight: Sight): UserFilter[] {
  const text = query.trim();
  const number = foldDigits(text).replaceAll(/[\s().-]|\p{Cf}/gu, '');
  const byEmail = (): UserFilter => ({
    by: 'email',
    prefix: beginningOfEmail(text),
    isWhole: !sight.identifiers,
  });
  const byMobile = (): UserFilter => ({
    by: 'mobile',
    prefix: beginningOfMobile(text, policy),
    isWhole: !sight.identifiers,
  });
  const byName = (): UserFilter[] => [
    { by: 'firstName', prefix: text },
    { by: 'lastName', prefix: text },
  ];
  if (searchBy === 'email') return [byEmail()];
  if (searchBy === 'mobile') return [byMobile()];
  if (searchBy === 'name') return byName();
  if (searchBy === 'id') return [byIdPrefix(text)];
  if (text.normalize('NFKC').includes('@')) return [byEmail()];
  if (/^(?:\+|00)?\d+$/.test(number)) return [byMobile()];
  return /^[0-9a-f]{8}-[0-9a-f-]{0,27}$/i.test(text) ? [byIdPrefix(text)] : [byEmail(), ...byName()];
}

function byIdPrefix(text: string): UserFilter {
  const hex = text.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{1,32}$/.test(hex)) throw invalid({ field: 'query', reason: 'FIELD_INVALID' });
  const idOf = (fill: string) =>
    hex.padEnd(32, fill).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { by: 'id', least: idOf('0'), most: idOf('f') };
}

/** The ways to find users that a request asks for; a combination that no index has is refused. */
export function filtersOf(request: UserQuery, policy: TenantPolicy, sight: Sight): UserFilter[] {
  const { query, searchBy, state, createdFrom: from, createdUntil: until, factor, provider } = request;
  const isTimed = state !== '' || from !== undefined || until !== undefined;
  const ways = [
    query.trim() !== '' && 'query',
    isTimed && 'state',
    factor !== '' && 'factor',
    provider !== '' && 'provider',
  ];
  const wanted = ways.filter((way) => way !== false);
  const [, second] = wanted;
  if (second !== undefined) {
    const description = `does not go together with ${wanted[0]}: no index has both`;
    throw invalid({ field: second, reason: 'FIELD_INVALID', description });
  }
  if (searchBy !== '' && query.trim() === '') throw invalid({ field: 'query', reason: 'FIELD_REQUIRED' });
  if (query.trim() !== '') return searchesOf(request, policy, sight);
  if (factor !== '') return [{ by: 'authenticator', kind: factor as AuthenticatorKind }];
  if (provider !== '') return [{ by: 'provider', provider }];
  return [
    {
      by: 'time',
      ...(state !== '' && { status: state as User['status'] }),
      ...(from && { from }),
      ...(until && { until }),
    },
  ];
}

/** The content of a page token: the index of the filter, and the place in its list. */
type Position = { readonly way: number; readonly after?: UserPlace };

export type ListUsersDeps = { readonly store: Store<'userList'>; readonly vault: Vault };

/** Lists users a page at a time, one way after the other; a user whom an earlier way has found is not listed again. */
export function createListUsers({ store, vault }: ListUsersDeps) {
  const pages = createPages(vault);

  return async function listUsers(
    tenant: Tenant,
    request: UserQuery,
    sight: Sight,
  ): Promise<{ users: UserView[]; nextPageToken: string }> {
    const filters = filtersOf(request, tenant.policy, sight);
    const list = `managed-users ${tenant.id} ${JSON.stringify(filters)}`;
    const pageSize = request.pageSize === 0 ? defaultPageSize : request.pageSize;
    const { after: token, size } = pages.parse(list, { ...request, pageSize });
    let { way, after } = (token === undefined ? { way: 0 } : JSON.parse(token)) as Position;
    const users: UserView[] = [];
    // A page may be short where earlier ways have found nearly everyone of a later one: the work of a call has an end.
    for (let reads = 0; reads < maxReads && users.length < size; reads += 1) {
      const filter = filters[way];
      if (filter === undefined) break;
      const earlier = filters.slice(0, way);
      const page = await store.userList.list(tenant.id, filter, after, size - users.length, earlier);
      users.push(...page.users);
      after = page.next;
      if (after === undefined) way += 1;
    }
    const next = way < filters.length ? JSON.stringify({ way, ...(after && { after }) }) : undefined;
    return { users, nextPageToken: pages.next(list, next) };
  };
}
