import type { CodeKind } from '../../domain/authenticator.ts';
import type { Operator } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { DomainError, invalid, type Violation } from '../../domain/errors.ts';
import { passkeyLookup, passkeysOf } from '../../domain/passkey.ts';
import { rowOfRecord, toPasskeyRecord } from '../../domain/passkey-record.ts';
import type { PasswordHasher } from '../../domain/password.ts';
import type { Random } from '../../domain/random.ts';
import { mapRecord, type RecordMapping, recordMappings } from '../../domain/record-mappings.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import { isObject } from '../../domain/settings.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { UserView } from '../../domain/user.ts';
import {
  type ParsedRecord,
  parseRecord,
  type RecordContext,
  toRecord,
  type UserRecord,
} from '../../domain/user-record.ts';
import type { Vault } from '../../domain/vault.ts';
import { record } from '../events/record.ts';
import { asActor, createPages, findTenant, type PageRequest } from '../manage/manager.ts';

export type TransferDeps = {
  readonly store: Store<
    | 'tenants'
    | 'users'
    | 'authenticators'
    | 'recoveryCodes'
    | 'identities'
    | 'sessions'
    | 'members'
    | 'events'
  >;
  readonly canVerify: PasswordHasher['canVerify'];
  readonly isUsableKey: RecordContext['isUsableKey'];
  /** Parses JSON strictly: throws on a duplicate member, because only one of the two could be kept. */
  readonly parseJson: (text: string) => unknown;
  /** What a violation says in English. */
  readonly describe: (violation: Violation) => string;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
};

/** The result of a line; `present`: an earlier run imported it. */
export type ImportResult = {
  readonly state: 'imported' | 'present' | 'refused';
  readonly problems: readonly Violation[];
};

const maxRecords = 200;
const maxAuditEvents = 10_000;

/** Lets users come and go: records in, records out, and everything that is held of one user. */
export function createTransfer(deps: TransferDeps) {
  const { store, canVerify, isUsableKey, vault, clock, random } = deps;
  const withWords = (violation: Violation) => ({ ...violation, description: deps.describe(violation) });
  const pages = createPages(vault);

  /** The obstacle of a record; undefined: none; 'present': an earlier run imported it. */
  async function obstacleOf(parsed: ParsedRecord): Promise<'present' | Violation[] | undefined> {
    const { tenantId, id } = parsed.user;
    const taken: Violation[] = [];
    for (const identifier of [parsed.email, parsed.mobile]) {
      const held = identifier && (await store.users.findIdentifier(tenantId, identifier));
      // An unproved registration gives way.
      const isClaim = held?.isOwnerConfirmed === false && held.origin === 'self';
      if (held !== undefined && held.userId !== id && !isClaim)
        taken.push({ field: held.kind, reason: 'IDENTIFIER_TAKEN' });
    }
    for (const { rp_id, credential_id } of parsed.passkeys) {
      const known = await store.authenticators.findByLookup(tenantId, passkeyLookup(rp_id, credential_id));
      if (known !== undefined && known.userId !== id)
        taken.push({ field: 'passkeys', reason: 'PASSKEY_TAKEN' });
    }
    for (const { issuer, subject } of parsed.identities) {
      const known = await store.identities.find(tenantId, issuer, subject);
      if (known !== undefined && known.userId !== id)
        taken.push({ field: 'external_identities', reason: 'IDENTITY_TAKEN' });
    }
    if (taken.length > 0) return taken;
    return (await store.users.findById(tenantId, id)) === undefined ? undefined : 'present';
  }

  async function write(parsed: ParsedRecord): Promise<void> {
    const { user, email, mobile, recoveryCodeHashes, identities } = parsed;
    const { tenantId, id: userId } = user;
    const now = clock();
    const [first, second] = [email, mobile].filter((each) => each !== undefined);
    if (first === undefined) throw new DomainError('INTERNAL');
    const heldOf = ({ isConfirmed: _, ...identifier }: NonNullable<typeof first>) => ({
      ...identifier,
      userId,
      confirmedAt: undefined,
      addedAt: now,
    });
    await store.transaction(async ({ users, authenticators, recoveryCodes, identities: known }) => {
      for (const identifier of [first, second])
        if (identifier !== undefined) await users.releaseClaim(tenantId, identifier, userId, 'claimed');
      await users.insert(user, heldOf(first), parsed.passwordHash);
      if (second !== undefined) await users.addIdentifier(tenantId, heldOf(second));
      for (const identifier of [first, second]) {
        if (identifier?.isConfirmed) await users.confirmIdentifier(tenantId, userId, identifier, now);
      }
      for (const [kind, data] of Object.entries(parsed.authenticators)) {
        const row = { tenantId, userId, id: random.uuid(), kind: kind as CodeKind, slot: kind };
        const unused = {
          label: '',
          lookup: undefined,
          counter: 0,
          flags: 0,
          createdAt: now,
          lastUsedAt: undefined,
        };
        await authenticators.insert({ ...row, ...unused, data: Buffer.from(data) });
      }
      for (const passkey of parsed.passkeys)
        await authenticators.insert(
          rowOfRecord(passkey, { tenantId, userId, id: random.uuid(), createdAt: now }),
        );
      if (parsed.isPasskeyOnly) await users.setPasskeyOnly(tenantId, userId, true);
      await recoveryCodes.insertForeign(tenantId, userId, recoveryCodeHashes);
      for (const identity of identities)
        await known.insert({ ...identity, tenantId, userId, createdAt: now });
    });
  }

  async function importOne(
    tenant: Tenant,
    line: string,
    mapping: RecordMapping,
    dryRun: boolean,
  ): Promise<ImportResult> {
    try {
      const value = mapRecord(mapping, readLine(line, deps.parseJson));
      const context = {
        tenantId: tenant.id,
        policy: tenant.policy,
        now: clock(),
        canVerify,
        isUsableKey,
      };
      const parsed = parseRecord(value, context);
      let obstacle = await obstacleOf(parsed);
      if (obstacle === undefined && !dryRun) {
        try {
          await write(parsed);
        } catch (error) {
          if (!(error instanceof DuplicateError)) throw error;
          // Someone was faster: what they took is in the way now.
          obstacle = await obstacleOf(parsed);
          if (obstacle === undefined) throw error;
        }
      }
      if (obstacle === undefined) return { state: 'imported', problems: [] };
      if (obstacle === 'present') return { state: 'present', problems: [] };
      return { state: 'refused', problems: obstacle };
    } catch (error) {
      if (error instanceof DomainError && error.details.violations !== undefined)
        return { state: 'refused', problems: error.details.violations.map(withWords) };
      throw error;
    }
  }

  /** Everything that a record says of a user. */
  async function recordOf({ user, email, mobile }: UserView): Promise<Partial<UserRecord>> {
    const { tenantId, id } = user;
    const held = await store.authenticators.list(tenantId, id);
    const identifier = <T extends { confirmedAt: Date | undefined }>(held: T | undefined) =>
      held && { ...held, isConfirmed: held.confirmedAt !== undefined };
    return toRecord({
      user,
      email: identifier(email),
      mobile: identifier(mobile),
      passwordHash: await store.users.findPasswordHash(tenantId, id),
      authenticators: Object.fromEntries(held.map(({ kind, data }) => [kind, data.toString()])),
      passkeys: passkeysOf(held).map(toPasskeyRecord),
      isPasskeyOnly: (await store.authenticators.findEnrolled(tenantId, id)).isPasskeyOnly,
      recoveryCodeHashes: await store.recoveryCodes.listForeign(tenantId, id),
      identities: await store.identities.listOfUser(tenantId, id),
    });
  }

  return {
    async importUsers(
      operator: Operator,
      command: {
        readonly tenant: string;
        readonly records: readonly string[];
        readonly mapping: string;
        readonly dryRun: boolean;
      },
    ): Promise<ImportResult[]> {
      const tenant = await findTenant(store, command.tenant);
      const mapping = recordMappings.find((name) => name === (command.mapping || 'manam'));
      if (mapping === undefined) {
        const description = `must be one of ${recordMappings.join(', ')}`;
        throw invalid({ field: 'mapping', reason: 'FIELD_INVALID', description });
      }
      if (command.records.length > maxRecords) throw invalid({ field: 'records', reason: 'FIELD_TOO_LONG' });
      const results: ImportResult[] = [];
      for (const line of command.records)
        results.push(await importOne(tenant, line, mapping, command.dryRun));
      const count = results.filter(({ state }) => state === 'imported').length;
      if (!command.dryRun && count > 0) {
        const event = { type: 'users.imported', details: { count } } as const;
        await record(store, deps, asActor(operator, tenant), event);
      }
      return results;
    },

    /** A page of a tenant's users as records, hashes and seeds included. */
    async exportUsers(
      operator: Operator,
      request: PageRequest & { readonly tenant: string },
    ): Promise<{ records: string[]; nextPageToken: string }> {
      const tenant = await findTenant(store, request.tenant);
      const list = `export ${tenant.id}`;
      const { after, size } = pages.parse(list, request);
      if (after === undefined)
        await record(store, deps, asActor(operator, tenant), { type: 'users.exported' });
      const views = await store.users.search(tenant.id, { prefix: '', afterId: after }, size + 1);
      const page = views.slice(0, size);
      const records: string[] = [];
      for (const view of page) records.push(JSON.stringify(await recordOf(view)));
      const last = views.length > size ? page.at(-1)?.user.id : undefined;
      return { records, nextPageToken: pages.next(list, last) };
    },

    /** Everything that is held of one user, for themselves: no hash and no seed is in it (GDPR, article 15). */
    async exportUser(operator: Operator, tenant: Tenant, view: UserView): Promise<object> {
      const { tenantId, id: userId } = view.user;
      const {
        password_hash,
        totp_secret,
        recovery_code_hashes: _,
        passkeys = [],
        ...shown
      } = await recordOf(view);
      const sessions = await store.sessions.listLive(tenantId, userId, clock());
      const events = await store.events.list({ tenantId, userId }, maxAuditEvents);
      await record(store, deps, asActor(operator, tenant), { type: 'user.exported', userId });
      return {
        ...shown,
        has_password: password_hash !== undefined,
        has_totp: totp_secret !== undefined,
        passkeys: passkeys.map(({ label, rp_id, aaguid }) => ({ label, rp_id, aaguid })),
        recovery_codes_left: await store.recoveryCodes.count(tenantId, userId),
        consented_tenants: await store.identities.listConsents(tenantId, userId),
        // Of a user of Manam.
        memberships: (await store.members.listOfUser(userId)).map(
          ({ tenantId: tenant_id, role, createdAt }) => ({
            tenant_id,
            role,
            since: createdAt.toISOString(),
          }),
        ),
        sessions: sessions.map(({ id, client, createdAt, refreshedAt, expiresAt, amr }) => ({
          session_id: id,
          address: client.address,
          device: client.userAgent,
          methods: amr,
          created_at: createdAt.toISOString(),
          last_used_at: refreshedAt.toISOString(),
          expires_at: expiresAt.toISOString(),
        })),
        events: events.map(({ type, outcome, reason, address, createdAt }) => ({
          type,
          outcome,
          reason,
          address,
          at: createdAt.toISOString(),
        })),
      };
    },
  };
}

/** Whether every string is well-formed Unicode: an escape can write half of a surrogate pair, which a database rejects. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner));
}

/** The record of a line. */
function readLine(line: string, parseJson: TransferDeps['parseJson']): unknown {
  try {
    // Files of some systems begin with a byte order mark.
    const record = parseJson(line.replace(/^\ufeff/, ''));
    if (!isObject(record) || !isWellFormed(record)) throw new TypeError('ill-formed');
    return record;
  } catch {
    throw invalid({
      field: 'record',
      reason: 'FIELD_TYPE',
      description: 'must be one JSON object on one line, of well-formed text, with each member once',
    });
  }
}
