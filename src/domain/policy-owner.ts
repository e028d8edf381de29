import { isBelow } from './domain-proof.ts';
import type { TenantPolicy } from './policy.ts';
import { isObject, patchSettings } from './settings.ts';
import type { Tenant } from './tenant.ts';

/**
 * The fields of a policy that only operators change, and everything below them: what costs the deployment money, and
 * names of others that a tenant has not proved to be its own. All other fields are the tenant's.
 */
export const operatorFields = [
  'countries',
  'sms',
  'senders',
  'passkeys.rpId',
  // With a shorter retention a tenant could delete the record of its own actions.
  'eventRetentionDays',
] as const;

/** Further ones, while a tenant that someone made for themselves has proved no sender. */
const fieldsOfConfined = [
  'templates',
  // The deployment's client at Google asks in the name of the deployment.
  'google',
] as const;

/** The fields of a tenant's policy that only operators change. */
export function operatorFieldsOf({ confined }: Tenant): readonly string[] {
  return confined ? [...operatorFields, ...fieldsOfConfined] : operatorFields;
}

function at(policy: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((node, name) => (isObject(node) ? node[name] : undefined), policy);
}

/** Whether an address lies in a proved domain. */
export function isProvedSender(address: string, domains: readonly string[]): boolean {
  return isBelow(address.slice(address.lastIndexOf('@') + 1).toLowerCase(), domains);
}

/** Whether a field has nothing but names below domains that the tenant has proved. */
function isProved(field: string, value: unknown, domains: readonly string[]): boolean {
  if (field === 'passkeys.rpId') return typeof value === 'string' && isBelow(value, domains);
  if (field !== 'senders' || !isObject(value)) return false;
  const { default: main, addresses = [] } = value as Partial<TenantPolicy['senders']>;
  if (!Array.isArray(addresses)) return false;
  return [main, ...addresses].every((each) => typeof each === 'string' && isProvedSender(each, domains));
}

/** The fields of operators that a merge patch by the tenant would change, whether it is valid or not. */
export function deniedFields(
  tenant: Tenant,
  patch: unknown,
  defaults: TenantPolicy,
  domains: readonly string[],
): string[] {
  const { policy } = tenant;
  const after = patchSettings(policy, patch, defaults, 'policy');
  return operatorFieldsOf(tenant).filter((field) => {
    const [former, next] = [at(policy, field), at(after, field)];
    return JSON.stringify(former) !== JSON.stringify(next) && !isProved(field, next, domains);
  });
}
