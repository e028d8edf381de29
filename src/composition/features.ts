import type { ConnectRouter } from '@connectrpc/connect';
import { publicServices } from '../contract/services.ts';
import type { DeliveryObserver } from '../domain/delivery.ts';
import type { Retained } from '../domain/retention.ts';
import { auth } from '../features/auth.ts';
import type { FeatureDeps } from '../features/deps.ts';
import { events } from '../features/events.ts';
import { type Feature, type Handlers, type Job, merge } from '../features/feature.ts';
import { hostedPages } from '../features/hosted-pages.ts';
import { management } from '../features/management.ts';
import { messages } from '../features/messages.ts';
import { openIdProvider } from '../features/openid-provider.ts';
import { passkeys } from '../features/passkeys.ts';
import { profile } from '../features/profile.ts';
import { records } from '../features/records.ts';
import { recovery } from '../features/recovery.ts';
import { twoFactor } from '../features/two-factor.ts';
import { webhooks } from '../features/webhooks.ts';
import type { Route } from '../server/handler.ts';

export type Features = {
  /** Registers every public service. */
  readonly register: (router: ConnectRouter) => void;
  readonly endpoints: readonly Route[];
  /** The days that ended rows are kept. */
  readonly retention: Readonly<Record<Retained, number>>;
  readonly jobs: readonly Job[];
  /** Ends what would outlast a drain. */
  readonly drain: () => void;
};

/**
 * Every feature of the service. Services, endpoints, retention and jobs are folds over this list: a
 * service without handlers, or rows that nothing retains, do not compile.
 */
export function createFeatures(deps: FeatureDeps & { readonly observeDelivery: DeliveryObserver }): Features {
  const features = [
    auth(deps),
    twoFactor(deps),
    passkeys(deps),
    recovery(deps),
    profile(deps),
    events(deps),
    webhooks(deps),
    management(deps),
    openIdProvider(deps),
    hostedPages(deps),
    messages(deps),
    records(deps),
  ] as const;
  const all: readonly Feature[] = features;
  const handlers: Handlers = merge(features, 'handlers');
  const retention: Readonly<Record<Retained, number>> = merge(features, 'retention');
  return {
    register: (router) => {
      for (const [name, service] of Object.entries(publicServices))
        router.service(service, handlers[name as keyof Handlers]);
    },
    endpoints: all.flatMap(({ endpoints = [] }) => endpoints),
    retention,
    jobs: all.flatMap(({ jobs = [] }) => jobs),
    drain: () => {
      for (const { drain } of all) drain?.();
    },
  };
}
