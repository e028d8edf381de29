import type { HandlerContext } from '@connectrpc/connect';
import { KeyKind } from '../../gen/manam/options/v1/access_pb.js';
import type { AdminKey, AdminKeyRepository } from '../domain/admin-key.ts';
import { digestAdminKey } from '../domain/api-key.ts';
import type { Clock } from '../domain/clock.ts';
import { DomainError } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import { requestOf, setOperator } from '../rpc/context.ts';
import { type AccessRules, ruleOf } from './access-rules.ts';
import { readCredentials } from './call-headers.ts';
import type { ErrorMapper } from './error-mapper.ts';

export type AdminGateDeps = {
  readonly rules: AccessRules;
  readonly adminKeys: AdminKeyRepository;
  readonly clock: Clock;
  readonly mapError: ErrorMapper;
};

/**
 * Lets operators' keys pass and nothing else. The key is read from the database at
 * every call, so that a revoked one is refused at once on every instance.
 */
export function createAdminGate({ rules, adminKeys, clock, mapError }: AdminGateDeps) {
  async function findKey(header: Headers): Promise<AdminKey> {
    const text = readCredentials(header, ['bearer'], 'ADMIN_KEY_INVALID')?.token ?? '';
    const digest = digestAdminKey(text);
    const key = digest && (await adminKeys.findLive(digest, clock()));
    // A page of a browser has no business here, whatever key it holds.
    if (key === undefined || header.has('origin')) throw new DomainError('ADMIN_KEY_INVALID');
    return key;
  }

  return async function gate({ requestHeader, method, values }: HandlerContext): Promise<void> {
    const request = requestOf(values);
    request.procedure = `${method.parent.typeName}/${method.name}`;
    try {
      if (ruleOf(rules, method).key !== KeyKind.ADMIN)
        throw new Error(`${request.procedure} is not an operator's`);
      const key = await findKey(requestHeader);
      request.admission = {
        atMs: performance.now(),
        again: async () => {
          await findKey(requestHeader);
        },
      };
      const { requestId, client } = request;
      setOperator(values, { requestId, client, keyId: key.id });
    } catch (error) {
      throw mapError(error, request, negotiateLocale(requestHeader.get('accept-language')));
    }
  };
}
