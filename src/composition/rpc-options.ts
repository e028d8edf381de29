import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { publicServices } from '../contract/services.ts';
import type { Adapters } from '../features/core.ts';
import type { KeyUses } from '../flows/key-uses.ts';
import type { Limiter } from '../flows/limits.ts';
import type { Refunds } from '../flows/refunds.ts';
import { readAccessRules } from '../server/access-rules.ts';
import type { ApplicationDirectory } from '../server/application-directory.ts';
import type { ErrorMapper } from '../server/error-mapper.ts';
import { createGate } from '../server/gate.ts';
import {
  attemptInterceptor,
  deadlineInterceptor,
  errorInterceptor,
  floorInterceptor,
  lateBodyInterceptor,
} from '../server/interceptors.ts';
import { createKeyProof, createOwnOrigins } from '../server/key-proof.ts';
import { createMemberGate } from '../server/member-gate.ts';
import type { RpcOptions } from '../server/rpc-route.ts';
import type { TenantDirectory } from '../server/tenant-directory.ts';
import { createWorkGate } from '../server/work-gate.ts';

export type RpcDeps = {
  readonly config: Config;
  readonly limiter: Limiter;
  readonly refunds: Refunds;
  readonly keyUses: KeyUses;
  readonly directory: TenantDirectory;
  readonly applications: ApplicationDirectory;
  readonly mapError: ErrorMapper;
  readonly log: Logger;
};

/** The gate and the interceptors, the same for every protocol. */
export function createRpcOptions(
  { store, accessTokens, hasher, proofOfWork: work, clock }: Adapters,
  { config, limiter, refunds, keyUses, directory, applications, mapError }: RpcDeps,
): RpcOptions {
  const { limits } = config;
  const rules = readAccessRules(Object.values(publicServices));
  const isOwnOrigin = createOwnOrigins([config.issuer, ...config.publicOrigins]);
  return {
    mapError,
    gate: createGate({
      rules,
      directory,
      accessTokens,
      sessions: store.sessions,
      challenges: store.challenges,
      clock,
      mapError,
      limiter,
      limits,
      refunds,
      hasher,
      admitMember: createMemberGate({ directory, members: store.members, clock }),
      members: store.members,
      noteKeyUse: keyUses.note,
      requireWork: createWorkGate({ work, proofs: store.proofs, budgets: store.budgets, limits, clock }),
      proveKey: createKeyProof({
        proofs: store.proofs,
        clock,
        isOwnOrigin,
      }),
      isOwnOrigin,
    }),
    interceptors: [
      errorInterceptor(mapError),
      deadlineInterceptor,
      floorInterceptor(rules, config.responseFloorMs),
      attemptInterceptor({
        rules,
        limiter,
        refunds,
        limits,
        hasOrigin: applications.hasOrigin,
        clock,
      }),
      lateBodyInterceptor,
    ],
  };
}
