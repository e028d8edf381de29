import { type DescMethod, type DescService, getOption, hasOption } from '@bufbuild/protobuf';
import {
  type Access,
  access,
  KeyKind,
  MemberRole,
  RateClass,
  SessionLevel,
} from '../../gen/manam/options/v1/access_pb.js';
import { SessionTokensSchema } from '../../gen/manam/v1/session_pb.js';

import { reasons } from '../domain/errors.ts';
import { isEventType } from '../domain/events.ts';

/** The access rules of all methods, resolved once at start-up. */
export type AccessRules = ReadonlyMap<DescMethod, Access>;

/** Reads the access declaration of every method; one that lacks it stops the server. */
export function readAccessRules(services: readonly DescService[]): AccessRules {
  const rules = new Map<DescMethod, Access>();
  for (const method of services.flatMap((service) => service.methods)) {
    const name = `${method.parent.typeName}/${method.name}`;
    if (!hasOption(method, access)) throw new Error(`${name} has no access declaration`);
    const rule = getOption(method, access);
    const whole =
      rule.key !== KeyKind.UNSPECIFIED &&
      rule.rate !== RateClass.UNSPECIFIED &&
      !rule.sessions.includes(SessionLevel.UNSPECIFIED) &&
      !rule.members.includes(MemberRole.UNSPECIFIED) &&
      (rule.key !== KeyKind.MEMBER || rule.members.length > 0) &&
      (rule.members.length === 0 || rule.sessions.length === 0) &&
      (!rule.fresh || rule.sessions.length + rule.members.length > 0) &&
      rule.stream === (method.methodKind === 'server_streaming');
    if (!whole) throw new Error(`${name} has an incomplete access declaration`);
    const unknown = rule.emits.filter((type) => !isEventType(type));
    if (unknown.length > 0) throw new Error(`${name} emits ${unknown.join(', ')}, which no event is called`);
    const strange = rule.reasons.filter((reason) => !(reasons as readonly string[]).includes(reason));
    if (strange.length > 0) throw new Error(`${name} fails for ${strange.join(', ')}, which does not exist`);
    rules.set(method, rule);
  }
  return rules;
}

/** The rule of a method. Fails closed where there is none. */
export function ruleOf(rules: AccessRules, method: DescMethod): Access {
  const rule = rules.get(method);
  if (rule === undefined)
    throw new Error(`${method.parent.typeName}/${method.name} has no access declaration`);
  return rule;
}

/** Whether a method can return tokens, whose session the proof of a key binds. */
export function mintsTokens({ output }: DescMethod): boolean {
  return output.fields.some(
    (field) => field.fieldKind === 'message' && field.message.typeName === SessionTokensSchema.typeName,
  );
}

const emitted = new WeakMap<Access, ReadonlySet<string>>();

/**
 * The events that a method declares to record. One that begins sessions may also end the oldest of a user, which
 * makes room for the new one, and need not say so.
 */
export function emitsOf(rule: Access): ReadonlySet<string> {
  const replacing = rule.emits.includes('session.started') ? ['session.ended'] : [];
  const types = emitted.get(rule) ?? new Set([...rule.emits, ...replacing]);
  emitted.set(rule, types);
  return types;
}
