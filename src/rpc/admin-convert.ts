import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type AdminKeySchema,
  type AuditEventSchema,
  type FindingSchema,
  FindingState,
  type ImportResultSchema,
  ImportState,
  type KeySchema,
  MessageState,
  type MigrationSchema,
  type OutboxMessageSchema,
  type SigningKeySchema,
  SigningKeyState,
  StatementEffect,
  TenantKeyKind,
  type TenantSchema,
  TenantState,
  type UserSchema,
  type UserSessionSchema,
  UserState,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { AdminKey } from '../domain/admin-key.ts';
import type { ApiKeyRow, KeyKind } from '../domain/api-key.ts';
import { invalid } from '../domain/errors.ts';
import type { Event } from '../domain/events.ts';
import type { Finding } from '../domain/finding.ts';
import type { DeliveryStatus, OutboxRow } from '../domain/message.ts';
import type { StatementEffect as EffectName, MigrationState } from '../domain/migration.ts';
import type { SessionRow } from '../domain/session.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { UserView } from '../domain/user.ts';
import type { SigningKeyView } from '../flows/admin/deployment.ts';
import type { ImportResult } from '../flows/admin/transfer.ts';
import type { ManagedConnection } from '../flows/manage/connections.ts';

const tenantStates = { active: TenantState.ACTIVE, suspended: TenantState.SUSPENDED } as const;
const userStates = { active: UserState.ACTIVE, disabled: UserState.DISABLED } as const;
const findingStates = {
  ok: FindingState.OK,
  warning: FindingState.WARNING,
  error: FindingState.ERROR,
} as const;
const signingKeyStates = {
  next: SigningKeyState.NEXT,
  active: SigningKeyState.ACTIVE,
  retired: SigningKeyState.RETIRED,
} as const;
const messageStates = {
  queued: MessageState.QUEUED,
  sent: MessageState.SENT,
  dead: MessageState.DEAD,
  dropped: MessageState.DROPPED,
} as const satisfies Record<DeliveryStatus, MessageState>;
const importStates = {
  imported: ImportState.IMPORTED,
  present: ImportState.PRESENT,
  refused: ImportState.REFUSED,
} as const;
const keyKinds = {
  publishable: TenantKeyKind.PUBLISHABLE,
  secret: TenantKeyKind.SECRET,
} as const satisfies Record<KeyKind, TenantKeyKind>;

/** A time that may be missing, as a message says it. */
function optionalTime<Name extends string>(name: Name, date: Date | undefined) {
  return (date === undefined ? {} : { [name]: timestampFromDate(date) }) as {
    [key in Name]?: ReturnType<typeof timestampFromDate>;
  };
}

export function fromKeyKind(kind: TenantKeyKind): KeyKind {
  const found = Object.entries(keyKinds).find(([, value]) => value === kind)?.[0];
  if (found === undefined) throw invalid({ field: 'kind', reason: 'FIELD_REQUIRED' });
  return found as KeyKind;
}

export function toOperatorTenant(tenant: Tenant): MessageInitShape<typeof TenantSchema> {
  const { id: tenantId, slug, name, status, policy, createdAt } = tenant;
  return {
    tenantId,
    slug,
    name,
    state: tenantStates[status],
    policy: policy as unknown as JsonObject,
    createTime: timestampFromDate(createdAt),
    confined: tenant.confined === true,
  };
}

/** A connection, in the form that operators and tenants see alike. */
export function toConnection(connection: ManagedConnection) {
  const { name, settings, hasSecret, redirectUri, logoutUri, createdAt, updatedAt } = connection;
  return {
    name,
    settings: settings as unknown as JsonObject,
    hasSecret,
    redirectUri,
    logoutUri,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  };
}

export function toKey({
  id: keyId,
  kind,
  name,
  scopes,
  limits,
  createdAt,
  revokedAt,
  expiresAt,
  lastUsedAt,
}: ApiKeyRow): MessageInitShape<typeof KeySchema> {
  return {
    keyId,
    kind: keyKinds[kind],
    name,
    scopes: [...scopes],
    origins: [...(limits?.origins ?? [])],
    clientId: limits?.clientId ?? '',
    networks: [...(limits?.networks ?? [])],
    createTime: timestampFromDate(createdAt),
    ...optionalTime('revokeTime', revokedAt),
    ...optionalTime('expireTime', expiresAt),
    ...optionalTime('lastUseTime', lastUsedAt),
  };
}

export function toAdminKey({
  id: keyId,
  name,
  createdAt,
  revokedAt,
}: AdminKey): MessageInitShape<typeof AdminKeySchema> {
  return { keyId, name, createTime: timestampFromDate(createdAt), ...optionalTime('revokeTime', revokedAt) };
}

export function toOperatorUser({ user, email, mobile }: UserView): MessageInitShape<typeof UserSchema> {
  return {
    userId: user.id,
    state: userStates[user.status],
    email: email?.address ?? '',
    emailConfirmed: email?.confirmedAt !== undefined,
    mobile: mobile?.address ?? '',
    mobileConfirmed: mobile?.confirmedAt !== undefined,
    firstName: user.profile.firstName,
    lastName: user.profile.lastName,
    roles: [...user.roles],
    locale: user.locale,
    createTime: timestampFromDate(user.createdAt),
  };
}

export function toUserSession({
  id: sessionId,
  client,
  amr,
  createdAt,
  refreshedAt,
  expiresAt,
}: SessionRow): MessageInitShape<typeof UserSessionSchema> {
  return {
    sessionId,
    device: client.userAgent,
    address: client.address,
    amr: [...amr],
    createTime: timestampFromDate(createdAt),
    lastUseTime: timestampFromDate(refreshedAt),
    expireTime: timestampFromDate(expiresAt),
  };
}

const effects = {
  metadata: StatementEffect.METADATA,
  index: StatementEffect.INDEX,
  rows: StatementEffect.ROWS,
  copy: StatementEffect.COPY,
} as const satisfies Record<EffectName, StatementEffect>;

export function toMigration({
  name,
  appliedAt,
  needsStop,
  plan,
}: MigrationState): MessageInitShape<typeof MigrationSchema> {
  const statements = plan.map(({ summary, table, effect, rows, bytes, estimateS }) => ({
    summary,
    table,
    effect: effects[effect],
    rows: BigInt(rows),
    bytes: BigInt(bytes),
    estimate: { seconds: BigInt(estimateS), nanos: 0 },
  }));
  const applied = appliedAt !== undefined;
  return { name, applied, needsStop, statements, ...optionalTime('applyTime', appliedAt) };
}

export function toSigningKey({
  id: keyId,
  state,
  createdAt,
  activatesAt,
}: SigningKeyView): MessageInitShape<typeof SigningKeySchema> {
  return {
    keyId,
    state: signingKeyStates[state],
    createTime: timestampFromDate(createdAt),
    activateTime: timestampFromDate(activatesAt),
  };
}

export function toFinding({ state, ...finding }: Finding): MessageInitShape<typeof FindingSchema> {
  return { ...finding, state: findingStates[state] };
}

/** The state that a request asks for; undefined: any. */
export function fromMessageState(state: MessageState): DeliveryStatus | undefined {
  return Object.entries(messageStates).find(([, value]) => value === state)?.[0] as
    | DeliveryStatus
    | undefined;
}

export function toOutboxMessage(row: OutboxRow): MessageInitShape<typeof OutboxMessageSchema> {
  const { id: messageId, tenantId, channel, status, attempts, error, createdAt, expiresAt } = row;
  return {
    messageId,
    tenantId,
    channel,
    state: messageStates[status],
    attempts,
    error,
    createTime: timestampFromDate(createdAt),
    expireTime: timestampFromDate(expiresAt),
    ...optionalTime('nextAttemptTime', status === 'queued' ? row.nextAttemptAt : undefined),
    ...optionalTime('endTime', row.endedAt),
  };
}

export function toAuditEvent({
  id: eventId,
  createdAt,
  tenantId: _,
  type: action,
  details,
  userId = '',
  sessionId = '',
  keyId = '',
  ...event
}: Event): MessageInitShape<typeof AuditEventSchema> {
  const texts = Object.entries(details).map(([name, value]) => [name, String(value)] as const);
  const own = { action, details: Object.fromEntries(texts), createTime: timestampFromDate(createdAt) };
  return { ...event, ...own, eventId, userId, sessionId, keyId };
}

export function toImportResult({
  state,
  problems,
}: ImportResult): MessageInitShape<typeof ImportResultSchema> {
  return {
    state: importStates[state],
    problems: problems.map(({ field, reason, description = '' }) => ({ field, reason, description })),
  };
}
