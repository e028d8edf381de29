import type { Clock } from '../domain/clock.ts';
import { defaultSettings, type ForeignKind, foreignKinds } from '../domain/connection.ts';
import type { Store } from '../domain/repositories.ts';
import { microsoftDirectory } from './emulated-providers.ts';
import { emulatedApple } from './emulators.ts';

/** The client of development tenants at every emulated provider. */
const clientId = 'manam-development';

export type SeedConnectionDeps = { readonly store: Store<'connections'>; readonly clock: Clock };

/** Further settings of a kind, beside its client. */
function particulars(kind: ForeignKind, emulatorUrl: string): object {
  if (kind === 'oidc') return { issuer: `${emulatorUrl}/oidc`, displayName: 'Example ID' };
  if (kind === 'apple') return emulatedApple;
  if (kind === 'microsoft') return { issuer: `https://login.microsoftonline.com/${microsoftDirectory}/v2.0` };
  return {};
}

/**
 * Connects a development tenant with every emulated provider. Without emulators those connections are switched off:
 * the providers themselves do not know the client.
 */
export async function seedConnections(
  { store, clock }: SeedConnectionDeps,
  tenantId: string,
  emulatorUrl: string | undefined,
): Promise<void> {
  const now = clock();
  const known = await store.connections.list(tenantId);
  const isOwn = (name: string) =>
    known.every((each) => each.name !== name || each.settings.clientId === clientId);
  if (emulatorUrl === undefined) {
    for (const each of known.filter(({ settings }) => settings.clientId === clientId && settings.enabled))
      await store.connections.save({
        ...each,
        settings: { ...each.settings, enabled: false },
        updatedAt: now,
      });
    return;
  }
  const appleKey = await (await fetch(`${emulatorUrl}/apple/client-key`)).text();
  // Google is connected by the policy.
  for (const kind of foreignKinds.filter((each) => each !== 'google')) {
    const name = kind === 'oidc' ? 'example' : kind;
    if (!isOwn(name)) continue;
    const settings = { ...defaultSettings, kind, clientId, ...particulars(kind, emulatorUrl) };
    await store.connections.save({ tenantId, name, settings, createdAt: now, updatedAt: now });
    await store.connections.setSecret(tenantId, name, kind === 'apple' ? appleKey : `secret of ${clientId}`);
  }
}
