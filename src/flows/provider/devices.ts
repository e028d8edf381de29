import { grantTypes, grantTypesOf, remainderOf } from '../../domain/application.ts';
import { resourcesOf, scopesOf } from '../../domain/authorization-request.ts';
import type { Budget } from '../../domain/budget.ts';
import type { Caller } from '../../domain/caller.ts';
import type { Client } from '../../domain/client.ts';
import type { Clock } from '../../domain/clock.ts';
import { type DeviceAuthorization, makeUserCode, parseUserCode } from '../../domain/device-authorization.ts';
import { DomainError } from '../../domain/errors.ts';
import { parseScope } from '../../domain/grant.ts';
import { networkOf } from '../../domain/network.ts';
import type { Random } from '../../domain/random.ts';
import { DuplicateError, type Store } from '../../domain/repositories.ts';
import { formatChallengeToken, sha256 } from '../../domain/token.ts';
import { record } from '../events/record.ts';
import type { Limiter } from '../limits.ts';
import { holdSession, ownSession } from '../sessions/own-session.ts';
import type { ClientCredentials, Clients } from './clients.ts';
import { readingExtent } from './exchange.ts';
import { newGrant, noteConsent } from './new-grant.ts';

export type DeviceDeps = {
  readonly store: Store<'users' | 'sessions' | 'grants' | 'devices' | 'identities' | 'tenants' | 'events'>;
  readonly clients: Clients;
  readonly limiter: Limiter;
  /** Devices that one network begins; each is a row. */
  readonly startBudget: Budget;
  /** Codes that one user types. */
  readonly typedBudget: Budget;
  readonly clock: Clock;
  readonly random: Random;
};

const lifetimeS = 600;
const intervalS = 5;
/** A code that is taken is made anew: 34 bits for the few that are live. */
const maxTries = 3;

export type StartedDevice = Pick<DeviceAuthorization, 'userCode' | 'intervalS'> & {
  readonly deviceCode: string;
  readonly expiresInS: number;
};

/** Signing in on a device without a browser (RFC 8628). */
export function createDeviceGrant(deps: DeviceDeps) {
  const { store, clients, limiter, startBudget, typedBudget, clock, random } = deps;

  /** The device behind a code that a user typed. */
  async function findTyped(
    caller: Caller,
    typed: string,
  ): Promise<{ readonly device: DeviceAuthorization; readonly client: Client }> {
    const { tenant, client: origin } = caller;
    // A user could otherwise guess the codes of other people's devices (RFC 8628, section 5.1).
    await limiter.charge(tenant.id, typedBudget, ownSession(caller).userId);
    const code = parseUserCode(typed);
    const device =
      code === undefined ? undefined : await store.devices.findByUserCode(tenant.id, code, clock());
    const client = device && (await clients.find(tenant, device.clientId, origin.address));
    const rest = client && device && remainderOf(client, device);
    if (device === undefined || client === undefined || rest === undefined)
      throw new DomainError('CODE_INVALID');
    return { device: { ...device, ...rest }, client };
  }

  return {
    async start(
      caller: Caller,
      command: ClientCredentials & { readonly scope: string; readonly resource: readonly string[] },
    ): Promise<StartedDevice> {
      const client = await clients.authenticate(caller, command);
      if (!grantTypesOf(client.settings).includes(grantTypes.device))
        throw new DomainError('UNAUTHORIZED_CLIENT', {
          metadata: { detail: 'this application has no device grant' },
        });
      const { tenant, client: origin } = caller;
      const asked = parseScope(command.scope);
      const { scopes, resources } = readingExtent(() => ({
        scopes: scopesOf(client, asked.length > 0 ? asked : client.settings.scopes),
        resources: resourcesOf(client, command.resource),
      }));
      await limiter.charge(tenant.id, startBudget, networkOf(origin.address));
      const now = clock();
      const secret = random.bytes(32);
      for (let tries = 1; ; tries += 1) {
        const device: DeviceAuthorization = {
          tenantId: tenant.id,
          id: random.uuid(),
          digest: sha256(secret),
          userCode: makeUserCode(random),
          clientId: client.clientId,
          scopes,
          resources,
          address: origin.address,
          status: 'pending',
          grantId: undefined,
          intervalS,
          createdAt: now,
          expiresAt: new Date(now.getTime() + lifetimeS * 1000),
        };
        try {
          await store.devices.insert(device);
          const deviceCode = formatChallengeToken(device.id, secret);
          return { deviceCode, userCode: device.userCode, intervalS, expiresInS: lifetimeS };
        } catch (error) {
          if (!(error instanceof DuplicateError) || tries === maxTries) throw error;
        }
      }
    },

    describe: findTyped,

    async decide(
      caller: Caller,
      command: { readonly userCode: string; readonly deny: boolean },
    ): Promise<void> {
      const session = ownSession(caller);
      const { device, client } = await findTyped(caller, command.userCode);
      const { id: tenantId } = caller.tenant;
      const details = { application: client.clientId };
      await store.transaction(async (repositories) => {
        await holdSession(repositories, caller, session, clock);
        const grant = newGrant(deps, tenantId, session, client, device, device.expiresAt);
        const grantId = command.deny ? undefined : grant.id;
        if (!(await repositories.devices.decide(tenantId, device.id, grantId, clock())))
          throw new DomainError('CODE_INVALID');
        if (command.deny) {
          await record(repositories, deps, caller, { type: 'device_code.refused', details });
          return;
        }
        await repositories.grants.insert(grant, undefined);
        if (!client.settings.firstParty)
          await noteConsent(deps, repositories, caller, session.userId, client, device);
        await record(repositories, deps, caller, { type: 'grant.approved', details });
      });
    },
  };
}

export type DeviceGrant = ReturnType<typeof createDeviceGrant>;
