import type { ConnectRouter } from '@connectrpc/connect';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { type AuthFlows, authHandlers } from './auth-service.ts';
import { type ProfileFlows, profileHandlers } from './profile-service.ts';
import { type RecoveryFlows, recoveryHandlers } from './recovery-service.ts';
import { type TwoFactorFlows, twoFactorHandlers } from './two-factor-service.ts';

/** Every service of the contract. */
export const services = [AuthService, TwoFactorService, RecoveryService, ProfileService] as const;

export type Flows = AuthFlows & ProfileFlows & RecoveryFlows & TwoFactorFlows;

/** Registers every service. A handler that is missing does not compile. */
export function registerServices(router: ConnectRouter, flows: Flows): void {
  router.service(AuthService, authHandlers(flows));
  router.service(TwoFactorService, twoFactorHandlers(flows));
  router.service(RecoveryService, recoveryHandlers(flows));
  router.service(ProfileService, profileHandlers(flows));
}
