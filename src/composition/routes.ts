import type { ConnectRouter } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { AdminService } from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { Config } from '../config/config.ts';
import type { AdminKeyRepository } from '../domain/admin-key.ts';
import type { Clock } from '../domain/clock.ts';
import type { Limiter } from '../flows/limits.ts';
import { createMailbox } from '../pages/mailbox.ts';
import { type AdminFlows, registerAdmin } from '../rpc/admin-service.ts';
import { type Flows, registerServices, services } from '../rpc/services.ts';
import { readAccessRules } from '../server/access-rules.ts';
import { createAdminGate } from '../server/admin-gate.ts';
import { createCors } from '../server/cors.ts';
import type { ErrorDoor } from '../server/error-door.ts';
import { registerHealth } from '../server/grpc-health.ts';
import { registerReflection } from '../server/grpc-reflection.ts';
import type { Route } from '../server/handler.ts';
import { deadlineInterceptor, errorInterceptor } from '../server/interceptors.ts';
import { createOperations } from '../server/operations.ts';
import type { Readiness } from '../server/readiness.ts';
import { createRestRoute } from '../server/rest-route.ts';
import { createOpenRpcRoute, createRpcRoute, type RpcOptions } from '../server/rpc-route.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import { createAccountRoute } from '../web/account.ts';
import { createDocsRoute } from '../web/docs.ts';
import { createGoogleLoginRoute } from '../web/google-login.ts';
import { createHostedTenants } from '../web/hosted-tenants.ts';
import { createDevRoute } from '../web/mailbox.ts';
import { createManamLoginRoute } from '../web/manam-login.ts';
import type { Adapters } from './flows.ts';

export type RouteDeps = {
  readonly adapters: Adapters;
  readonly config: Config;
  readonly flows: Flows;
  readonly rpc: RpcOptions;
  readonly limiter: Limiter;
  readonly directory: TenantDirectory;
  readonly door: ErrorDoor;
  readonly readiness: Readiness;
  readonly jwks: () => object;
  readonly log: Logger;
};

/** What the public address serves; the first route that knows a request answers it. */
export function createRoutes(deps: RouteDeps): Route[] {
  const { config, flows, rpc, limiter, directory, door, readiness, jwks, log } = deps;
  const { store, vault, clock, random } = deps.adapters;
  const prefixes = config.restPrefixes;
  const register = (router: ConnectRouter) => registerServices(router, flows);
  const hostedTenants = createHostedTenants({ store, directory, vault, clock, random });
  return [
    createCors(directory),
    createOperations({ jwks, readiness }),
    createDocsRoute(prefixes),
    ...(config.production ? [] : [createDevRoute(createMailbox(store.outbox))]),
    createGoogleLoginRoute({
      google: flows.google,
      directory,
      limiter,
      limits: config.limits,
      door,
      log,
      prefixes,
    }),
    createManamLoginRoute({ manamLogin: flows.manamLogin, directory, door, log, hostedTenants, prefixes }),
    createAccountRoute(hostedTenants),
    createOpenRpcRoute(door, (router) => {
      registerHealth(router, { readiness, names: services.map(({ typeName }) => typeName) });
      if (config.reflection) registerReflection(router, services);
    }),
    createRpcRoute(rpc, register),
    createRestRoute({ rpc, door, routes: register, prefixes }),
  ];
}

/** What the operators' address serves, over every protocol. */
export function createAdminRoutes(
  flows: AdminFlows,
  adminKeys: AdminKeyRepository,
  clock: Clock,
  door: ErrorDoor,
): Route[] {
  const gate = createAdminGate({ rules: readAccessRules([AdminService]), adminKeys, clock, door });
  const rpc = { door, gate, interceptors: [errorInterceptor(door), deadlineInterceptor] };
  const register = (router: ConnectRouter) => registerAdmin(router, flows);
  return [createRpcRoute(rpc, register), createRestRoute({ rpc, door, routes: register, prefixes: [''] })];
}
