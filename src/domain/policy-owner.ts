import { isObject, patchSettings } from './settings.ts';
import type { TenantPolicy } from './tenant.ts';

/**
 * The fields of a policy that only operators change, and everything below them: what costs the deployment money, and
 * names of others that a tenant has not proved to be its own. All other fields are the tenant's.
 */
export const operatorFields = ['countries', 'sms', 'senders', 'passkeys.rpId'] as const;

function at(policy: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((node, name) => (isObject(node) ? node[name] : undefined), policy);
}

/** The fields of operators that a merge patch would change, whether it is valid or not. */
export function changedOperatorFields(
  before: TenantPolicy,
  patch: unknown,
  defaults: TenantPolicy,
): string[] {
  const after = patchSettings(before, patch, defaults, 'policy');
  return operatorFields.filter(
    (path) => JSON.stringify(at(before, path)) !== JSON.stringify(at(after, path)),
  );
}
