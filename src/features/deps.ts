import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Transports } from '../domain/delivery.ts';
import type { Store } from '../domain/repositories.ts';
import type { Limiter } from '../flows/limits.ts';
import type { ApplicationDirectory } from '../server/application-directory.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import type { HostedTenants } from '../web/hosted-tenants.ts';
import type { Adapters, Core } from './core.ts';

/** The dependencies of every feature. */
export type FeatureDeps = {
  readonly adapters: Adapters;
  /** The store over connections of its own: no storm of calls holds up the log of events. */
  readonly logStore: Store;
  readonly core: Core;
  /** The same for webhooks, whose receivers may be slow. */
  readonly webhookStore: Store;
  readonly config: Config;
  readonly limiter: Limiter;
  readonly directory: TenantDirectory;
  readonly hostedTenants: HostedTenants;
  readonly applications: ApplicationDirectory;
  /** The public keys of applications' tokens. */
  readonly applicationJwks: () => object;
  readonly mapError: ErrorMapper;
  readonly transports: Transports;
  /** Counts attempts to deliver to webhooks. */
  readonly observeWebhook: (outcome: 'delivered' | 'failed' | 'given_up') => void;
  readonly log: Logger;
};
