import { execFileSync } from 'node:child_process';
import {
  createFileRegistry,
  type DescEnum,
  type DescMethod,
  type DescService,
  fromBinary,
  getOption,
  hasOption,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { getComments } from '@bufbuild/protoplugin';
import { http } from '../../gen/google/api/annotations_pb.js';
import {
  type Access,
  access,
  KeyKind,
  MemberRole,
  RateClass,
  SessionLevel,
} from '../../gen/manam/options/v1/access_pb.js';
import { error } from '../../gen/manam/options/v1/error_pb.js';
import { operatorServices } from '../../src/contract/operator-services.ts';
import { publicServices } from '../../src/contract/services.ts';
import { mintsTokens } from '../../src/server/access-rules.ts';

/** The contract with its comments, which the generated code leaves out. */
export type Contract = {
  readonly services: readonly DescService[];
  readonly admin: DescService;
  readonly reasons: readonly ErrorReason[];
};

export type ErrorReason = {
  readonly name: string;
  /** The code's name, such as INVALID_ARGUMENT. */
  readonly code: string;
  readonly httpStatus: number;
  readonly message: string;
  readonly meaning: string;
};

/** The status of HTTP for a code (google.rpc.Code's own mapping, as Connect has it). */
const httpStatuses: Record<string, number> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  UNAUTHENTICATED: 401,
};
/** Statuses that REST has and no code means. */
const restStatuses: Record<string, number> = {
  METHOD_NOT_ALLOWED: 405,
  MEDIA_TYPE_UNSUPPORTED: 415,
  BODY_TOO_LARGE: 413,
};

export function loadContract(): Contract {
  const image = execFileSync('buf', ['build', '--as-file-descriptor-set', '-o', '-'], {
    maxBuffer: 256 * 1024 * 1024,
  });
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  const serviceOf = (name: string): DescService => {
    const service = registry.getService(name);
    if (service === undefined) throw new Error(`the contract lacks ${name}`);
    return service;
  };
  const codes = registry.getEnum('google.rpc.Code');
  const reasons = registry.getEnum('manam.v1.ErrorReason');
  if (codes === undefined || reasons === undefined)
    throw new Error('the contract lacks its codes or reasons');
  return {
    services: Object.values(publicServices).map(({ typeName }) => serviceOf(typeName)),
    admin: serviceOf(operatorServices.admin.typeName),
    reasons: readReasons(reasons, codes),
  };
}

function readReasons(reasons: DescEnum, codes: DescEnum): ErrorReason[] {
  return reasons.values
    .filter((value) => hasOption(value, error))
    .map((value) => {
      const { code, message } = getOption(value, error);
      const codeName = codes.value[code]?.name ?? 'INVALID_ARGUMENT';
      const name = value.localName.replace(/^ERROR_REASON_/, '');
      return {
        name,
        code: codeName === 'OK' ? 'INVALID_ARGUMENT' : codeName,
        httpStatus: restStatuses[name] ?? httpStatuses[codeName] ?? 400,
        message: message?.en ?? '',
        meaning: commentOf(value),
      };
    });
}

/** A comment as flowing text. */
export function commentOf(descriptor: Parameters<typeof getComments>[0]): string {
  const { leading = '' } = getComments(descriptor);
  return leading
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.split('\n').join(' ').replaceAll(/ +/g, ' ').trim())
    .join('\n\n')
    .trim();
}

/** The REST routes of a method, the first one the one to use. */
export function routesOf(method: DescMethod): RestAddress[] {
  if (!hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].map(({ pattern, body }) => ({
    httpMethod: (pattern.case ?? '').toUpperCase(),
    path: String(pattern.value),
    hasBody: body === '*',
  }));
}

export type RestAddress = {
  readonly httpMethod: string;
  readonly path: string;
  /** Whether the fields that are not in the path stand in a body; otherwise in the query. */
  readonly hasBody: boolean;
};

export function accessOf(method: DescMethod): Access {
  return getOption(method, access);
}

const sessionWords: Record<SessionLevel, string> = {
  [SessionLevel.UNSPECIFIED]: '',
  [SessionLevel.SIGNED_IN]: 'of a signed-in user',
  [SessionLevel.PENDING]: 'of a sign-in that waits for its second factor',
  [SessionLevel.ENROL_ONLY]: 'of a user who has to enrol a second factor first',
  [SessionLevel.ACTING]: 'of a member who looks at the account in the place of its user',
};

/** The role of a member as people read it. */
const roleWords = (role: MemberRole) => MemberRole[role].toLowerCase();

/** The permitted callers of a method, in words. */
export function accessInWords(rule: Access): string {
  const { key, members, fresh } = rule;
  if (members.length === 0) return callerInWords(rule);
  const freshness = fresh ? ', authenticated within 5 minutes' : '';
  const member = `a member of the tenant (${members.map(roleWords).join(', ')})${freshness}`;
  if (key === KeyKind.MEMBER) return member;
  return `a secret key with the scope \`${rule.scope}\`; or ${member}`;
}

function callerInWords({ key, sessions, fresh, scope }: Access): string {
  if (key === KeyKind.ADMIN) return "an operator's key";
  if (key === KeyKind.APPLICATION) return 'an application, which authenticates itself, or its token';
  const keyWords = key === KeyKind.SECRET ? 'a secret key' : 'a publishable or secret key';
  if (sessions.length === 0) return keyWords;
  const session = `a token ${sessions.map((level) => sessionWords[level]).join(', or ')}`;
  const freshness = fresh ? ', authenticated within 5 minutes' : '';
  const alternative = scope === '' ? '' : `; or a secret key with the scope \`${scope}\``;
  return `${session}${freshness}${alternative}`;
}

const reasonsOfKeys = ['KEY_MISSING', 'KEY_INVALID', 'KEY_CONFLICT', 'SECRET_KEY_EXPOSED', 'NETWORK_DENIED'];
const reasonsOfMembers = [
  'NOT_FOUND',
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TWO_FACTOR_ENROLMENT_REQUIRED',
  'IMPERSONATION_DENIED',
  'MEMBER_ROLE_REQUIRED',
  'MEMBER_FACTOR_REQUIRED',
  'DPOP_PROOF_INVALID',
];

/** The reasons that a method names itself, and those of the gate in front of it. */
export function reasonsOf(method: DescMethod, all: readonly ErrorReason[]): ErrorReason[] {
  const rule = accessOf(method);
  const needsSession = rule.sessions.length > 0;
  const takesSignedIn = rule.sessions.includes(SessionLevel.SIGNED_IN);
  const ofGate = [
    ...(rule.key === KeyKind.ADMIN
      ? ['ADMIN_KEY_INVALID']
      : rule.key === KeyKind.APPLICATION
        ? ['INVALID_CLIENT', 'ORIGIN_DENIED']
        : rule.key === KeyKind.MEMBER
          ? ['ORIGIN_DENIED']
          : [...reasonsOfKeys, 'ORIGIN_DENIED']),
    ...(rule.members.length > 0 ? reasonsOfMembers : []),
    'HEADER_DUPLICATE',
    'MEDIA_TYPE_UNSUPPORTED',
    'BODY_TOO_LARGE',
    'BODY_MALFORMED',
    'REQUEST_INVALID',
    'UNAVAILABLE',
    'DEADLINE_EXCEEDED',
    ...(rule.rate === RateClass.STANDARD ? [] : ['RATE_LIMITED']),
    ...(rule.proofOfWork ? ['PROOF_OF_WORK_REQUIRED'] : []),
    ...(rule.idempotencyKey ? ['IDEMPOTENCY_KEY_REUSED', 'CONFLICT'] : []),
    'INTERNAL',
    ...(rule.key === KeyKind.SECRET ? ['SECRET_KEY_REQUIRED'] : []),
    ...(needsSession ? ['TOKEN_INVALID'] : []),
    ...(needsSession || mintsTokens(method) || rule.proofOfWork ? ['DPOP_PROOF_INVALID'] : []),
    ...(needsSession && rule.scope === '' ? ['TOKEN_MISSING'] : []),
    ...(takesSignedIn && !rule.sessions.includes(SessionLevel.ENROL_ONLY)
      ? ['TWO_FACTOR_ENROLMENT_REQUIRED']
      : []),
    ...(needsSession && !rule.sessions.includes(SessionLevel.ACTING) ? ['IMPERSONATION_DENIED'] : []),
    ...(rule.scope === '' ? [] : ['SECRET_KEY_REQUIRED', 'SCOPE_REQUIRED']),
    ...(rule.fresh ? ['REAUTHENTICATION_REQUIRED'] : []),
  ];
  const wanted = new Set([...rule.reasons, ...ofGate]);
  return all.filter(({ name }) => wanted.has(name));
}
