import type { Caller } from '../../domain/caller.ts';
import type { Clock } from '../../domain/clock.ts';
import { dayMs } from '../../domain/duration.ts';
import { DomainError, invalid } from '../../domain/errors.ts';
import { hostOf, isAddress, isIn, isPublic, mayCall, type Network } from '../../domain/network.ts';
import type { Random } from '../../domain/random.ts';
import type { Repositories, Store } from '../../domain/repositories.ts';
import { isUuid } from '../../domain/token.ts';
import {
  maxWebhooks,
  never,
  secretOverlapMs,
  type Webhook,
  type WebhookPlace,
  type WebhookSecret,
} from '../../domain/webhook.ts';
import { parseTypes } from '../events/read-events.ts';
import { record } from '../events/record.ts';

export type ManageWebhooksDeps = {
  readonly store: Store<'webhooks' | 'eventLogs' | 'events' | 'tenants'>;
  /** Networks that are reached although they are not public, and over http as well. */
  readonly allowed: readonly Network[];
  readonly clock: Clock;
  readonly random: Random;
};

export type WebhookCommand = {
  readonly url: string;
  readonly description: string;
  readonly types: readonly string[];
};

const maxOverlapMs = 7 * dayMs;
/** Secrets that sign at a time. */
const maxSecrets = 4;

/** Webhooks in the hands of their tenant. */
export function createManageWebhooks({ store, allowed, clock, random }: ManageWebhooksDeps) {
  const deps = { clock, random };

  const find = (tenantId: string, id: string) => findWebhook(store, tenantId, id);

  const newSecret = (): WebhookSecret => ({
    text: `whsec_${random.bytes(32).toString('base64')}`,
    until: undefined,
  });

  type Work = Pick<Repositories, 'webhooks' | 'events'>;

  /** Changes a webhook in a transaction, one call of the tenant at a time; returns it as changed. */
  async function change(
    { tenant }: Caller,
    id: string,
    work: (repositories: Work, webhook: Webhook) => Promise<void>,
  ): Promise<Webhook> {
    return await store.transaction(async (repositories) => {
      await repositories.tenants.findForUpdate(tenant.id);
      await work(repositories, await findWebhook(repositories, tenant.id, id));
      return await findWebhook(repositories, tenant.id, id);
    });
  }

  return {
    list: async ({ tenant }: Caller): Promise<WebhookPlace[]> => await store.webhooks.list(tenant.id),
    get: async ({ tenant }: Caller, id: string): Promise<Webhook> => await find(tenant.id, id),

    /** Makes a webhook, which gets what happens from now on. */
    async create(caller: Caller, command: WebhookCommand): Promise<Webhook> {
      const { tenant } = caller;
      const { description } = command;
      const url = parseUrl(command.url, allowed);
      const types = parseTypes(command.types);
      const [log] = await store.eventLogs.findCurrent([tenant.id]);
      const webhook: Webhook = {
        tenantId: tenant.id,
        id: random.uuid(),
        url,
        description,
        types,
        secrets: [newSecret()],
        disabledReason: undefined,
        position: log?.size ?? 0,
        failingSince: undefined,
        createdAt: clock(),
      };
      await store.transaction(async (repositories) => {
        // One at a time: two calls at once must not both find room.
        await repositories.tenants.findForUpdate(tenant.id);
        if ((await repositories.webhooks.list(tenant.id)).length >= maxWebhooks)
          throw new DomainError('WEBHOOK_LIMIT', { metadata: { most: String(maxWebhooks) } });
        await repositories.webhooks.insert(webhook);
        await record(repositories, deps, caller, {
          type: 'webhook.created',
          details: { webhook: webhook.id },
        });
      });
      return webhook;
    },

    /** Changes what was sent and leaves the rest alone. */
    update: async (
      caller: Caller,
      id: string,
      command: { readonly [Name in keyof WebhookCommand]: WebhookCommand[Name] | undefined },
    ): Promise<Webhook> => {
      const { url, description, types } = command;
      const changes = {
        ...(url !== undefined && { url: parseUrl(url, allowed) }),
        ...(description !== undefined && { description }),
        ...(types !== undefined && { types: parseTypes(types) }),
      };
      return await change(caller, id, async (repositories, { tenantId }) => {
        if (Object.keys(changes).length > 0) await repositories.webhooks.update(tenantId, id, changes);
        await record(repositories, deps, caller, { type: 'webhook.updated', details: { webhook: id } });
      });
    },

    async delete(caller: Caller, id: string): Promise<void> {
      const { tenantId } = await find(caller.tenant.id, id);
      await store.transaction(async (repositories) => {
        if (!(await repositories.webhooks.delete(tenantId, id))) throw new DomainError('NOT_FOUND');
        await record(repositories, deps, caller, { type: 'webhook.deleted', details: { webhook: id } });
      });
    },

    /** Makes a new secret; the one before signs beside it for a while, a day where nothing else is asked for. */
    async rotateSecret(caller: Caller, id: string, overlapMs: number | undefined): Promise<Webhook> {
      const overlap = overlapMs ?? secretOverlapMs;
      if (overlap < 0 || overlap > maxOverlapMs) throw invalid({ field: 'overlap', reason: 'FIELD_INVALID' });
      const until = new Date(clock().getTime() + overlap);
      return await change(caller, id, async (repositories, { tenantId, secrets }) => {
        // A rotation whose answer was lost is made again: what still signs goes on to its end.
        const old = secrets
          .map((secret) => ({ ...secret, until: secret.until ?? until }))
          .filter((secret) => secret.until > clock());
        const kept = [newSecret(), ...old].slice(0, maxSecrets);
        await repositories.webhooks.update(tenantId, id, { secrets: kept });
        await record(repositories, deps, caller, {
          type: 'webhook.secret_rotated',
          details: { webhook: id },
        });
      });
    },

    /** Switches a webhook on again: it gets what it missed, unless that is skipped. */
    async enable(caller: Caller, id: string, skipMissed: boolean): Promise<Webhook> {
      await find(caller.tenant.id, id);
      const [log] = await store.eventLogs.findCurrent([caller.tenant.id]);
      return await change(caller, id, async (repositories, { tenantId, disabledReason }) => {
        if (disabledReason === undefined) return;
        const position = skipMissed && log !== undefined ? { position: log.size } : {};
        await repositories.webhooks.update(tenantId, id, {
          disabledReason: undefined,
          failingSince: undefined,
          ...position,
        });
        await repositories.webhooks.postpone(tenantId, id, clock());
        await record(repositories, deps, caller, { type: 'webhook.enabled', details: { webhook: id } });
      });
    },

    /** Switches a webhook off: events wait for it in the log. */
    disable: async (caller: Caller, id: string): Promise<Webhook> =>
      await change(caller, id, async (repositories, { tenantId, disabledReason }) => {
        if (disabledReason !== undefined) return;
        await repositories.webhooks.update(tenantId, id, { disabledReason: 'MANUAL' });
        await repositories.webhooks.postpone(tenantId, id, never);
        const details = { webhook: id, cause: 'MANUAL' } as const;
        await record(repositories, deps, caller, { type: 'webhook.disabled', details });
      }),

    /** Records an event that goes to this webhook alone. */
    async test(caller: Caller, id: string): Promise<void> {
      await find(caller.tenant.id, id);
      await record(store, deps, caller, { type: 'webhook.tested', details: { webhook: id } });
    },
  };
}

/**
 * The URL of a webhook, as it was given. Throws where it is not https, or has what a URL of ours must not have. The
 * fetcher checks the address that its name stands for at every request.
 */
function parseUrl(text: string, allowed: readonly Network[]): string {
  const wrong = (description: string) => invalid({ field: 'url', reason: 'FIELD_INVALID', description });
  if (!URL.canParse(text)) throw wrong('must be a URL');
  const url = new URL(text);
  const { username, password, hash } = url;
  const host = hostOf(url);
  if (!mayCall(url, allowed))
    throw wrong('must begin with https://; http is for networks of OUTGOING_PRIVATE_NETWORKS');
  if (isAddress(host) && !isPublic(host) && !isIn(host, allowed)) throw wrong('must be a public address');
  if (username !== '' || password !== '' || hash !== '')
    throw wrong('must have no user, password or fragment');
  return text;
}

/** The webhook of a tenant. Throws NOT_FOUND. */
export async function findWebhook(
  { webhooks }: Pick<Repositories, 'webhooks'>,
  tenantId: string,
  id: string,
): Promise<Webhook> {
  const webhook = isUuid(id) ? await webhooks.find(tenantId, id) : undefined;
  if (webhook === undefined) throw new DomainError('NOT_FOUND');
  return webhook;
}

export type ManageWebhooks = ReturnType<typeof createManageWebhooks>;
