import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type Access,
  AccessSchema,
  KeyKind,
  RateClass,
  SessionLevel,
} from '../../gen/manam/options/v1/access_pb.js';
import type { AccessTokens } from '../domain/access-token.ts';
import { type ApiKey, digestApiKey, type Scope } from '../domain/api-key.ts';
import type { Audience } from '../domain/audience.ts';
import type { SessionLevel as CallerLevel } from '../domain/authentication.ts';
import { audienceOf, type Caller } from '../domain/caller.ts';
import type { ChallengeRepository } from '../domain/challenge.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError, invalid } from '../domain/errors.ts';
import { assertFresh } from '../domain/freshness.ts';
import { negotiateLocale } from '../domain/locale.ts';
import type { MemberRepository } from '../domain/member.ts';
import { isIn, networkOf, parseNetworks } from '../domain/network.ts';
import type { PasswordHasher } from '../domain/password.ts';
import { isRegisteredOrigin } from '../domain/registered-url.ts';
import type { CallerSession, SessionRepository } from '../domain/session.ts';
import { parseProgress } from '../domain/sign-in.ts';
import type { Tenant } from '../domain/tenant.ts';
import { budgetOf, type Limiter, type Limits } from '../flows/limits.ts';
import { clientRefusal } from '../flows/provider/clients.ts';
import type { Refunds } from '../flows/refunds.ts';
import { requestOf, setCaller } from '../rpc/context.ts';
import { type AccessRules, emitsOf, ruleOf } from './access-rules.ts';
import {
  bindsAccess,
  type Credentials,
  readCredentials,
  readIdempotencyKey,
  readKey,
} from './call-headers.ts';
import { createDeadline } from './deadline.ts';
import type { ErrorMapper } from './error-mapper.ts';
import type { KeyProof, Presented } from './key-proof.ts';
import type { AdmittedMember, MemberGate } from './member-gate.ts';
import type { TenantDirectory } from './tenant-directory.ts';
import type { WorkGate } from './work-gate.ts';

export type GateDeps = {
  readonly rules: AccessRules;
  readonly directory: TenantDirectory;
  readonly accessTokens: AccessTokens;
  readonly sessions: SessionRepository;
  readonly challenges: ChallengeRepository;
  readonly clock: Clock;
  readonly mapError: ErrorMapper;
  readonly limiter: Limiter;
  readonly limits: Limits;
  readonly refunds: Pick<Refunds, 'use'>;
  readonly hasher: Pick<PasswordHasher, 'admit'>;
  readonly proveKey: KeyProof;
  readonly requireWork: WorkGate;
  readonly admitMember: MemberGate;
  readonly members: Pick<MemberRepository, 'mayAct'>;
  readonly noteKeyUse: (keyId: string) => void;
  /** Whether an origin is one of the hosted pages, which may call for every tenant. */
  readonly isOwnOrigin: (origin: string) => boolean;
};

const levels: Record<CallerLevel, SessionLevel> = {
  'signed-in': SessionLevel.SIGNED_IN,
  'enrol-only': SessionLevel.ENROL_ONLY,
  acting: SessionLevel.ACTING,
};

/**
 * The access check of every call, driven by the contract alone. It runs before the body is read
 * (AIP-211): a caller without access learns nothing about the request.
 */
export function createGate(deps: GateDeps) {
  return async function gate(context: HandlerContext): Promise<void> {
    const request = requestOf(context.values);
    const { requestHeader: header, method } = context;
    request.procedure = `${method.parent.typeName}/${method.name}`;
    const locale = negotiateLocale(header.get('accept-language'));
    try {
      const rule = ruleOf(deps.rules, method);
      const origin = header.get('origin');
      if (rule.key === KeyKind.APPLICATION) {
        const caller = await admitApplication(deps, context);
        setCaller(context.values, { ...caller, locale, emits: emitsOf(rule) });
        return;
      }
      const { tenant, key, session, pending, member, bound, homeId } = await identify(deps, rule, header);
      request.admission = {
        atMs: performance.now(),
        again: async () => {
          await identify(deps, rule, header);
        },
      };
      request.tenantId = tenant.id;
      // A page can be read by every visitor: a secret key that comes from one is lost (R79).
      if (origin !== null && key?.kind === 'secret') throw new DomainError('SECRET_KEY_EXPOSED');
      if (
        origin !== null &&
        !deps.isOwnOrigin(origin) &&
        !isRegisteredOrigin(origin, tenant.policy.origins)
      ) {
        throw new DomainError('ORIGIN_DENIED');
      }
      if (key !== undefined) assertLimits(key, origin, request.client.address);
      const deadline = createDeadline(context.signal, context.timeoutMs);
      if (rule.passwordHash) deps.hasher.admit({ tenant, deadline });
      const hasWorked =
        rule.proofOfWork &&
        (await deps.requireWork({
          tenant,
          key,
          procedure: request.procedure,
          address: request.client.address,
          solution: header.get('proof-of-work'),
        }));
      const audience = audienceOf({ session, pending, key, ...(member && { member: member.caller }) });
      const countedAt = await chargeNetwork(
        deps,
        rule,
        { tenantId: tenant.id, audience },
        request.client.address,
      );
      const proved = await deps.proveKey({
        // A proof is good once, whatever tenant a member names beside it.
        tenantId: homeId ?? tenant.id,
        method,
        rule,
        target: request.target ?? { method: 'POST', path: `/${request.procedure}` },
        proof: header.get('dpop'),
        bound,
      });
      // A back end has no person in front of it whose authentication could be fresh.
      if (rule.fresh && (member !== undefined || rule.sessions.length > 0))
        assertFresh(member?.session ?? session, deps.clock());
      const idempotency = rule.idempotencyKey ? readIdempotencyKey(header, method.name) : undefined;
      const { requestId, client } = request;
      const binding = proved && { ...proved, bindsAccess: bindsAccess(header) };
      if (key !== undefined) deps.noteKeyUse(key.id);
      const known = { tenant, key, session, pending, ...(member && { member: member.caller }) };
      const who = { ...known, binding, hasWorked, client, countedAt };
      const emits = emitsOf(rule);
      setCaller(context.values, { ...who, requestId, deadline, idempotency, locale, emits });
    } catch (error) {
      throw deps.mapError(error, request, locale);
    }
  };
}

/**
 * The tenant of a call to a tenant's OpenID provider, which is that of the issuer. The application authenticates in the
 * flow, because its credentials may be in the body.
 */
async function admitApplication(deps: GateDeps, context: HandlerContext): Promise<Caller> {
  const request = requestOf(context.values);
  const { requestHeader: header } = context;
  const inPath = /^(?:\/[\w-]+)*\/t\/([a-z0-9-]{1,63})\/oauth\//.exec(request.target?.path ?? '')?.[1];
  const named = header.get('manam-tenant');
  // Beside a path that names the issuer the header would be a second way to say whose call it is (R54).
  if (inPath !== undefined && named !== null)
    throw invalid({ field: 'manam-tenant', reason: 'FIELD_INVALID' });
  const slug = inPath ?? named ?? '';
  const tenant = slug === '' ? undefined : await deps.directory.findBySlug(slug);
  if (tenant === undefined) throw clientRefusal('there is no such issuer');
  request.tenantId = tenant.id;
  const origin = header.get('origin') ?? undefined;
  const application = {
    authorization: header.get('authorization') ?? undefined,
    origin: origin !== undefined && deps.isOwnOrigin(origin) ? undefined : origin,
  };
  const { requestId, client } = request;
  const none = { key: undefined, session: undefined, pending: undefined, idempotency: undefined };
  const deadline = createDeadline(context.signal, context.timeoutMs);
  return { ...none, tenant, application, requestId, client, deadline, locale: undefined };
}

type Identity = Pick<Caller, 'tenant' | 'key' | 'session' | 'pending'> &
  Pick<Presented, 'bound'> & {
    /** The member who calls, with the session at Manam. */
    readonly member?: AdmittedMember;
    /** The tenant of the session, where the call is about another one. */
    readonly homeId?: string;
  };

/** Establishes the tenant and, where the rule asks for one, the session. */
async function identify(deps: GateDeps, rule: Access, header: Headers): Promise<Identity> {
  const keyText = readKey(header);
  const slug = header.get('manam-tenant');
  if (slug !== null) return await identifyMember(deps, rule, { header, slug, keyText });
  if (rule.key === KeyKind.MEMBER) throw invalid({ field: 'manam-tenant', reason: 'FIELD_REQUIRED' });
  const bearer = rule.sessions.length === 0 ? undefined : readCredentials(header, ['bearer', 'dpop']);
  if (keyText === undefined && bearer === undefined) throw new DomainError('KEY_MISSING');

  const found = keyText === undefined ? undefined : await findKey(deps.directory, keyText);
  if (rule.key === KeyKind.SECRET && found?.key.kind !== 'secret')
    throw new DomainError('SECRET_KEY_REQUIRED');
  if (bearer === undefined) {
    if (found === undefined) throw new DomainError('KEY_MISSING');
    if (rule.sessions.length > 0 || rule.scope !== '') assertScope(rule, found.key);
    return { ...found, session: undefined, pending: undefined, bound: undefined };
  }

  const { tenantId, session, pending, bound } = await findBearer(deps, rule, bearer);
  if (found !== undefined && found.tenant.id !== tenantId) throw new DomainError('TOKEN_INVALID');
  const tenant = found?.tenant ?? (await deps.directory.findById(tenantId));
  if (tenant === undefined) throw new DomainError('TOKEN_INVALID');
  return { tenant, key: found?.key, session, pending, bound };
}

/** A member of the tenant that the header `manam-tenant` names, who has signed in at Manam. */
async function identifyMember(
  deps: GateDeps,
  rule: Access,
  { header, slug, keyText }: { header: Headers; slug: string; keyText: string | undefined },
): Promise<Identity> {
  // Elsewhere the header would be a second way to say whose call it is (R54).
  if (rule.members.length === 0 || keyText !== undefined)
    throw invalid({ field: 'manam-tenant', reason: 'FIELD_INVALID' });
  const credentials = readCredentials(header, ['bearer', 'dpop']);
  if (credentials === undefined) throw new DomainError('TOKEN_MISSING');
  const bearer = await findBearer(deps, memberSession, credentials);
  const member = await deps.admitMember({ ...bearer, slug, rule });
  const none = { key: undefined, session: undefined, pending: undefined };
  return { ...none, tenant: member.tenant, member, bound: bearer.bound, homeId: bearer.tenantId };
}

/** The session of a member has signed in, with everything that Manam itself demands. */
const memberSession = create(AccessSchema, { sessions: [SessionLevel.SIGNED_IN] });

type Bearer = Pick<Identity, 'session' | 'pending' | 'bound'> & { readonly tenantId: string };

/** The session of a token, or the pending sign-in where the rule accepts one. */
async function findBearer(deps: GateDeps, rule: Access, { scheme, token }: Credentials): Promise<Bearer> {
  if (rule.sessions.includes(SessionLevel.PENDING) && scheme === 'bearer') {
    const pending = await findPending(deps, token);
    if (pending !== undefined) return pending;
  }
  const { tenantId, session, jkt } = await findSession(deps, token);
  // A bound token as a bearer's is a stolen one, and the other scheme promises a binding (RFC 9449, section 7.1).
  if ((jkt !== undefined) !== (scheme === 'dpop')) throw new DomainError('TOKEN_INVALID');
  assertLevel(rule, session);
  return { tenantId, session, pending: undefined, bound: jkt === undefined ? undefined : { token, jkt } };
}

/** The pending sign-in that a token names, if it still waits (R24). */
async function findPending(
  { accessTokens, challenges, clock }: GateDeps,
  bearer: string,
): Promise<Bearer | undefined> {
  const claims = await accessTokens.verifyPending(bearer);
  if (claims === undefined) return undefined;
  const { tenantId, challengeId, userId } = claims;
  const row = await challenges.findById(tenantId, challengeId, 'sign-in', clock());
  if (row === undefined || row.userId !== userId) throw new DomainError('TOKEN_INVALID');
  const progress = parseProgress(row.data);
  return { tenantId, session: undefined, pending: { challengeId, userId, progress }, bound: undefined };
}

async function findKey(directory: TenantDirectory, text: string): Promise<{ tenant: Tenant; key: ApiKey }> {
  const digest = digestApiKey(text);
  const found = digest === undefined ? undefined : await directory.findByKey(digest);
  if (found === undefined) throw new DomainError('KEY_INVALID');
  return found;
}

/** The session of an access token, if it is live here and now (R15). */
async function findSession(
  { accessTokens, sessions, members, clock }: GateDeps,
  bearer: string,
): Promise<{ tenantId: string; session: CallerSession; jkt: string | undefined }> {
  const claims = await accessTokens.verify(bearer);
  if (claims === undefined) throw new DomainError('TOKEN_INVALID');
  const { tenantId, sessionId, userId, level, jkt, actorId, issuedAt } = claims;
  const session = await sessions.findOfCall(tenantId, sessionId, clock());
  if (session === undefined || session.userId !== userId || session.level !== level)
    throw new DomainError('TOKEN_INVALID');
  if (actorId !== undefined && !(await members.mayAct(tenantId, actorId, issuedAt)))
    throw new DomainError('TOKEN_INVALID');
  return { tenantId, session: { ...session, ...(actorId && { actorId }) }, jkt };
}

function assertLevel(rule: Access, session: CallerSession): void {
  if (rule.sessions.includes(levels[session.level])) return;
  if (session.level === 'acting') throw new DomainError('IMPERSONATION_DENIED');
  // A token of the wrong kind is invalid (R14); only an enrol-only session gets its reason.
  const mayAfterEnrolment = session.level === 'enrol-only' && rule.sessions.includes(SessionLevel.SIGNED_IN);
  throw new DomainError(mayAfterEnrolment ? 'TWO_FACTOR_ENROLMENT_REQUIRED' : 'TOKEN_INVALID');
}

/** Counts the call against its network and its tenant, before anything of it is read (R9); returns when the use that an attempt holds was counted. */
async function chargeNetwork(
  { limiter, limits, refunds }: GateDeps,
  { rate }: Access,
  { tenantId, audience }: { readonly tenantId: string; readonly audience: Audience },
  address: string,
): Promise<Date | undefined> {
  if (rate === RateClass.GUESS) {
    return await refunds.use(tenantId, budgetOf(limits.attemptsPerNetwork, audience), networkOf(address));
  }
  if (rate === RateClass.MESSAGE) {
    await limiter.charge(tenantId, budgetOf(limits.messagesPerNetwork, audience), networkOf(address));
    await limiter.charge(tenantId, budgetOf(limits.messagesPerTenant, audience), '');
  }
  return undefined;
}

/** Refuses a key outside of the pages or the networks that it is good in. */
function assertLimits({ limits }: ApiKey, origin: string | null, address: string): void {
  const { origins = [], networks = [] } = limits ?? {};
  if (origins.length > 0 && !(origin !== null && isRegisteredOrigin(origin, origins)))
    throw new DomainError('ORIGIN_DENIED');
  if (networks.length > 0 && !isIn(address, parseNetworks(networks))) throw new DomainError('NETWORK_DENIED');
}

/** Whether a key may stand in for a session, or has the scope that a method of back ends asks for. Decided before any look-up, so that it is the same for every user (R42). */
function assertScope(rule: Access, key: ApiKey): void {
  if (rule.scope === '') throw new DomainError('TOKEN_MISSING');
  // A page or an app holds a publishable key: what it lacks is a session.
  if (key.kind !== 'secret') throw new DomainError('SECRET_KEY_REQUIRED', { hint: 'TOKEN_MISSING' });
  if (!key.scopes.includes(rule.scope as Scope)) {
    throw new DomainError('SCOPE_REQUIRED', { metadata: { scope: rule.scope } });
  }
}
