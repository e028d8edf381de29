import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationMs, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import type { ManagedKeySchema, TenantDomainSchema } from '../../gen/manam/v1/management_settings_pb.js';
import type { ApiKeyRow, KeyKind } from '../domain/api-key.ts';
import { managerOf } from '../domain/caller.ts';
import { type DomainProof, recordContentOf, recordOf } from '../domain/domain-proof.ts';
import { operatorFieldsOf } from '../domain/policy-owner.ts';
import type { createApplicationAdmin } from '../flows/manage/applications.ts';
import type { createConnectionAdmin } from '../flows/manage/connections.ts';
import type { Domains } from '../flows/manage/domains.ts';
import type { createKeyAdmin } from '../flows/manage/keys.ts';
import type { createTenantAdmin } from '../flows/manage/tenants.ts';
import type { createUsage } from '../flows/manage/usage.ts';
import { toApplication } from './admin-applications.ts';
import { toConnection } from './admin-convert.ts';
import { callerOf } from './context.ts';

export type SettingsFlows = {
  readonly tenants: ReturnType<typeof createTenantAdmin>;
  readonly keys: ReturnType<typeof createKeyAdmin>;
  readonly applications: ReturnType<typeof createApplicationAdmin>;
  readonly connections: ReturnType<typeof createConnectionAdmin>;
  readonly usage: ReturnType<typeof createUsage>;
  readonly domains: Domains;
  /** The issuer of a tenant's OpenID provider. */
  readonly issuerOf: (slug: string) => string;
  /** The publishable key of a tenant's hosted pages; empty where there is none. */
  readonly hostedKeyOf: (slug: string) => Promise<string>;
};

type Handlers = Partial<ServiceImpl<typeof ManagementService>>;

const overlapOf = (overlap: Duration | undefined) =>
  overlap === undefined ? undefined : durationMs(overlap);

function toManagedKey(key: ApiKeyRow): MessageInitShape<typeof ManagedKeySchema> {
  const { id: keyId, kind, name, scopes, limits, createdAt, expiresAt, lastUsedAt, revokedAt } = key;
  const { origins, clientId, networks } = limits;
  return {
    keyId,
    kind,
    name,
    scopes: [...scopes],
    origins: [...origins],
    clientId,
    networks: [...networks],
    createTime: timestampFromDate(createdAt),
    ...(expiresAt && { expireTime: timestampFromDate(expiresAt) }),
    ...(lastUsedAt && { lastUseTime: timestampFromDate(lastUsedAt) }),
    ...(revokedAt && { revokeTime: timestampFromDate(revokedAt) }),
  };
}

/** The calls of the management service about settings: policy, keys, applications, connections and usage. */
export function settingsHandlers(flows: SettingsFlows) {
  return {
    ...policyHandlers(flows),
    ...keyHandlers(flows),
    ...managedApplicationHandlers(flows),
    ...managedConnectionHandlers(flows),
    ...domainHandlers(flows),
    async getUsage({ fromDate: from, untilDate: until, types }, context) {
      const days = await flows.usage(callerOf(context).tenant.id, { from, until, types });
      return {
        days: days.map(({ day: date, counts }) => ({
          date,
          counts: counts.map(({ type, reason, count }) => ({ type, reason, count: BigInt(count) })),
        })),
      };
    },
  } satisfies Handlers;
}

function policyHandlers({ tenants, issuerOf, hostedKeyOf }: SettingsFlows) {
  return {
    async getTenant(_, context) {
      const { id: tenantId, slug, name, confined } = await tenants.get(callerOf(context).tenant.id);
      const publishableKey = await hostedKeyOf(slug);
      return { tenantId, slug, name, issuer: issuerOf(slug), publishableKey, confined: confined === true };
    },
    async getPolicy(_, context) {
      const tenant = await tenants.get(callerOf(context).tenant.id);
      const policy = tenant.policy as unknown as JsonObject;
      return { policy, operatorFields: [...operatorFieldsOf(tenant)], confined: tenant.confined === true };
    },
    async updatePolicy({ policy: patch }, context) {
      const caller = callerOf(context);
      const { policy } = await tenants.updateOwnPolicy(managerOf(caller), caller.tenant.id, patch ?? {});
      return { policy: policy as unknown as JsonObject };
    },
  } satisfies Handlers;
}

function keyHandlers({ keys }: SettingsFlows) {
  return {
    async listKeys(_, context) {
      return { keys: (await keys.list(callerOf(context).tenant.id)).map(toManagedKey) };
    },
    async createKey({ kind, name, scopes, origins, clientId, networks, expireTime }, context) {
      const caller = callerOf(context);
      const { key, text } = await keys.create(managerOf(caller), {
        tenant: caller.tenant.id,
        kind: kind as KeyKind,
        name,
        scopes,
        limits: { origins, clientId, networks },
        expiresAt: expireTime && timestampDate(expireTime),
      });
      return { key: toManagedKey(key), text };
    },
    async rotateKey({ keyId, overlap }, context) {
      const caller = callerOf(context);
      const command = { tenant: caller.tenant.id, keyId, overlapMs: overlapOf(overlap) };
      const { key, text } = await keys.rotate(managerOf(caller), command);
      return { key: toManagedKey(key), text };
    },
    async revokeKey({ keyId }, context) {
      const caller = callerOf(context);
      await keys.revoke(managerOf(caller), { tenant: caller.tenant.id, keyId });
      return {};
    },
  } satisfies Handlers;
}

function managedApplicationHandlers({ applications }: SettingsFlows) {
  return {
    async listApplications(_, context) {
      const found = await applications.list(callerOf(context).tenant.id);
      return { applications: found.map(toApplication) };
    },
    async createApplication({ settings }, context) {
      const caller = callerOf(context);
      const command = { tenant: caller.tenant.id, settings };
      const { application, secret } = await applications.create(managerOf(caller), command);
      return { application: toApplication(application), clientSecret: secret };
    },
    async updateApplication({ clientId, settings }, context) {
      const caller = callerOf(context);
      const command = { tenant: caller.tenant.id, clientId, settings };
      return { application: toApplication(await applications.update(managerOf(caller), command)) };
    },
    async deleteApplication({ clientId }, context) {
      const caller = callerOf(context);
      await applications.delete(managerOf(caller), { tenant: caller.tenant.id, clientId });
      return {};
    },
    async rotateApplicationSecret({ clientId, overlap }, context) {
      const caller = callerOf(context);
      const command = { tenant: caller.tenant.id, clientId, overlapMs: overlapOf(overlap) };
      return { clientSecret: await applications.rotateSecret(managerOf(caller), command) };
    },
  } satisfies Handlers;
}

function toDomain(proof: DomainProof): MessageInitShape<typeof TenantDomainSchema> {
  const { name: domain, createdAt, verifiedAt } = proof;
  return {
    domain,
    verified: verifiedAt !== undefined,
    recordName: recordOf(domain),
    recordContent: recordContentOf(proof),
    createTime: timestampFromDate(createdAt),
    ...(verifiedAt && { verifyTime: timestampFromDate(verifiedAt) }),
  };
}

function domainHandlers({ domains }: SettingsFlows) {
  return {
    async listDomains(_, context) {
      return { domains: (await domains.list(callerOf(context).tenant)).map(toDomain) };
    },
    async addDomain({ domain }, context) {
      return { domain: toDomain(await domains.add(callerOf(context).tenant, domain)) };
    },
    async verifyDomain({ domain }, context) {
      const caller = callerOf(context);
      return { domain: toDomain(await domains.verify(managerOf(caller), caller.tenant, domain)) };
    },
    async removeDomain({ domain }, context) {
      const caller = callerOf(context);
      await domains.remove(managerOf(caller), caller.tenant, domain);
      return {};
    },
  } satisfies Handlers;
}

function managedConnectionHandlers({ connections }: SettingsFlows) {
  return {
    async listConnections(_, context) {
      return { connections: (await connections.list(callerOf(context).tenant.id)).map(toConnection) };
    },
    async setConnection({ name, settings }, context) {
      const caller = callerOf(context);
      const command = { tenant: caller.tenant.id, name, settings };
      return { connection: toConnection(await connections.set(managerOf(caller), command)) };
    },
    async setConnectionSecret({ name, value }, context) {
      const caller = callerOf(context);
      await connections.setSecret(managerOf(caller), { tenant: caller.tenant.id, name, value });
      return {};
    },
    async deleteConnection({ name }, context) {
      const caller = callerOf(context);
      await connections.delete(managerOf(caller), { tenant: caller.tenant.id, name });
      return {};
    },
  } satisfies Handlers;
}
