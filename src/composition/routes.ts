import type { ConnectRouter } from '@connectrpc/connect';
import type { Config } from '../config/config.ts';
import { operatorServices } from '../contract/operator-services.ts';
import { publicServices } from '../contract/services.ts';
import type { AdminKeyRepository } from '../domain/admin-key.ts';
import type { Clock } from '../domain/clock.ts';
import { type AdminFlows, registerAdmin } from '../rpc/admin-service.ts';
import { readAccessRules } from '../server/access-rules.ts';
import { createAdminGate } from '../server/admin-gate.ts';
import type { ApplicationDirectory } from '../server/application-directory.ts';
import { createCors } from '../server/cors.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { registerHealth } from '../server/grpc-health.ts';
import { registerReflection } from '../server/grpc-reflection.ts';
import type { Route } from '../server/handler.ts';
import { deadlineInterceptor, errorInterceptor, lateBodyInterceptor } from '../server/interceptors.ts';
import { createOperations } from '../server/operations.ts';
import type { Readiness } from '../server/readiness.ts';
import { createRestRoute } from '../server/rest-route.ts';
import { createOpenRpcRoute, createRpcRoute, type RpcOptions } from '../server/rpc-route.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import type { Features } from './features.ts';

export type RouteDeps = {
  readonly features: Features;
  readonly config: Config;
  readonly rpc: RpcOptions;
  readonly directory: TenantDirectory;
  readonly applications: ApplicationDirectory;
  readonly mapError: ErrorMapper;
  readonly readiness: Readiness;
  readonly jwks: () => object;
};

/** The routes of the public address, in order: the first one that accepts a request handles it. */
export function createRoutes(deps: RouteDeps): Route[] {
  const { features, config, rpc, directory, applications, mapError, readiness, jwks } = deps;
  const { register, endpoints } = features;
  const services = Object.values(publicServices);
  return [
    createCors(directory, applications),
    createOperations({ jwks, readiness }),
    ...endpoints,
    createOpenRpcRoute(mapError, (router) => {
      registerHealth(router, { readiness, names: services.map(({ typeName }) => typeName) });
      if (config.reflection) registerReflection(router, services);
    }),
    createRpcRoute(rpc, register),
    createRestRoute({ rpc, mapError, routes: register, prefixes: config.restPrefixes }),
  ];
}

/** The routes of the operators' address, over every protocol. */
export function createAdminRoutes(
  flows: AdminFlows,
  adminKeys: AdminKeyRepository,
  clock: Clock,
  mapError: ErrorMapper,
): Route[] {
  const rules = readAccessRules(Object.values(operatorServices));
  const gate = createAdminGate({ rules, adminKeys, clock, mapError });
  const rpc = {
    mapError,
    gate,
    interceptors: [errorInterceptor(mapError), deadlineInterceptor, lateBodyInterceptor],
  };
  const register = (router: ConnectRouter) => registerAdmin(router, flows);
  return [
    createRpcRoute(rpc, register),
    createRestRoute({ rpc, mapError, routes: register, prefixes: [''] }),
  ];
}
