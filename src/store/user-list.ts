import {
  type AnyColumn,
  and,
  asc,
  between,
  desc,
  eq,
  gt,
  gte,
  inArray,
  like,
  lt,
  or,
  sql,
} from 'drizzle-orm';
import type { UserFilter, UserListRepository, UserPlace } from '../domain/user-list.ts';
import type { Database } from './database.ts';
import { authenticators } from './tables/authenticators.ts';
import { externalIdentities } from './tables/federation.ts';
import { identifiers, userNames, users } from './tables/users.ts';
import { emails, mobiles, ownedBy, toView, viewColumns } from './user-view.ts';

/** A LIKE pattern for what begins with a text, whose own wildcards represent themselves. */
export function beginning(prefix: string): string {
  return `${prefix.replace(/[\\%_]/g, (character) => `\\${character}`)}%`;
}

/** The rows after a place, in the order of a column and the id of the user. */
function isAfter(column: AnyColumn, id: AnyColumn, place: UserPlace | undefined) {
  return place && or(gt(column, place.key), and(eq(column, place.key), gt(id, place.id)));
}

/** The filter of a kind. */
type Of<By extends UserFilter['by']> = UserFilter extends infer F
  ? F extends { readonly by: infer Own }
    ? By extends Own
      ? F
      : never
    : never
  : never;

function hasIdentifier({ by, prefix, isWhole }: Of<'email'>) {
  const { kind, canonical } = identifiers;
  return and(eq(kind, by), isWhole ? eq(canonical, prefix) : like(canonical, beginning(prefix)));
}

const nameOf = ({ by }: Of<'firstName'>) =>
  by === 'firstName' ? userNames.firstNameSearch : userNames.lastNameSearch;
const hasName = (filter: Of<'firstName'>) => like(nameOf(filter), beginning(filter.prefix));

/** Lists of users. Each filter reads the places of a page out of its index, and then the users of the page by their ids. */
export function createUserListRepository(db: Database): UserListRepository {
  type Page = { readonly tenantId: string; readonly after: UserPlace | undefined; readonly limit: number };

  async function byTime({ status, from, until }: Of<'time'>, { tenantId, after, limit }: Page) {
    const since = after && new Date(Number(after.key));
    const rows = await db
      .select({ key: users.createdAt, id: users.id })
      .from(users)
      .where(
        and(
          eq(users.tenantId, tenantId),
          status && eq(users.status, status),
          from && gte(users.createdAt, from),
          until && lt(users.createdAt, until),
          since &&
            after &&
            or(lt(users.createdAt, since), and(eq(users.createdAt, since), lt(users.id, after.id))),
        ),
      )
      .orderBy(desc(users.createdAt), desc(users.id))
      .limit(limit);
    return rows.map(({ key, id }) => ({ key: String(key.getTime()), id }));
  }

  async function byIdentifier(filter: Of<'email'>, { tenantId, after, limit }: Page) {
    const { canonical, userId } = identifiers;
    return await db
      .select({ key: canonical, id: userId })
      .from(identifiers)
      .where(
        and(eq(identifiers.tenantId, tenantId), hasIdentifier(filter), isAfter(canonical, userId, after)),
      )
      .orderBy(asc(canonical))
      .limit(limit);
  }

  async function byName(filter: Of<'firstName'>, { tenantId, after, limit }: Page) {
    const name = nameOf(filter);
    const rows = await db
      .select({ key: name, id: users.id })
      .from(users)
      .where(and(eq(users.tenantId, tenantId), hasName(filter), isAfter(name, users.id, after)))
      .orderBy(asc(name), asc(users.id))
      .limit(limit);
    return rows.map(({ key, id }) => ({ key: key ?? '', id }));
  }

  async function byId({ least, most }: Of<'id'>, { tenantId, after, limit }: Page) {
    return await db
      .select({ key: sql<string>`''`, id: users.id })
      .from(users)
      .where(
        and(eq(users.tenantId, tenantId), between(users.id, least, most), after && gt(users.id, after.id)),
      )
      .orderBy(asc(users.id))
      .limit(limit);
  }

  async function byAuthenticator({ kind }: Of<'authenticator'>, { tenantId, after, limit }: Page) {
    return await db
      .selectDistinct({ key: sql<string>`''`, id: authenticators.userId })
      .from(authenticators)
      .where(
        and(
          eq(authenticators.tenantId, tenantId),
          eq(authenticators.kind, kind),
          after && gt(authenticators.userId, after.id),
        ),
      )
      .orderBy(asc(authenticators.userId))
      .limit(limit);
  }

  async function byProvider({ provider }: Of<'provider'>, { tenantId, after, limit }: Page) {
    const { userId } = externalIdentities;
    return await db
      .selectDistinct({ key: sql<string>`''`, id: userId })
      .from(externalIdentities)
      .where(
        and(
          eq(externalIdentities.tenantId, tenantId),
          eq(externalIdentities.provider, provider),
          after && gt(userId, after.id),
        ),
      )
      .orderBy(asc(userId))
      .limit(limit);
  }

  function placesOf(filter: UserFilter, page: Page): Promise<UserPlace[]> {
    switch (filter.by) {
      case 'time':
        return byTime(filter, page);
      case 'email':
      case 'mobile':
        return byIdentifier(filter, page);
      case 'firstName':
      case 'lastName':
        return byName(filter, page);
      case 'id':
        return byId(filter, page);
      case 'authenticator':
        return byAuthenticator(filter, page);
      case 'provider':
        return byProvider(filter, page);
    }
  }

  /** The users among these that match a filter. */
  async function amongThem(filter: UserFilter, tenantId: string, ids: readonly string[]): Promise<string[]> {
    if (filter.by === 'email' || filter.by === 'mobile') {
      const isOne = and(eq(identifiers.tenantId, tenantId), inArray(identifiers.userId, [...ids]));
      const rows = await db
        .select({ id: identifiers.userId })
        .from(identifiers)
        .where(and(isOne, hasIdentifier(filter)));
      return rows.map(({ id }) => id);
    }
    if (filter.by !== 'firstName' && filter.by !== 'lastName') return [];
    const rows = await db
      .select({ id: users.id })
      .from(users)
      .where(and(eq(users.tenantId, tenantId), inArray(users.id, [...ids]), hasName(filter)));
    return rows.map(({ id }) => id);
  }

  return {
    async list(tenantId, filter, after, limit, earlier = []) {
      const found = await placesOf(filter, { tenantId, after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const next = found.length > limit ? page.at(-1) : undefined;
      const listed = new Set<string>();
      for (const each of page.length === 0 ? [] : earlier)
        for (const id of await amongThem(
          each,
          tenantId,
          page.map(({ id }) => id),
        ))
          listed.add(id);
      const wanted = page.filter(({ id }) => !listed.has(id));
      if (wanted.length === 0) return { users: [], places: [], next };
      const ids = wanted.map(({ id }) => id);
      const rows = await db
        .select(viewColumns)
        .from(users)
        .leftJoin(emails, ownedBy(emails, 'email'))
        .leftJoin(mobiles, ownedBy(mobiles, 'mobile'))
        .where(and(eq(users.tenantId, tenantId), inArray(users.id, ids)));
      const known = new Map(rows.map((row) => [row.users.id, toView(row)]));
      // One may be gone since.
      const places = wanted.filter(({ id }) => known.has(id));
      return { users: places.flatMap(({ id }) => known.get(id) ?? []), places, next };
    },
  };
}
