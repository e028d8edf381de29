import type { DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { DomainError } from '../domain/errors.ts';
import { type AuthFlows, authHandlers } from './auth-service.ts';
import { type ProfileFlows, profileHandlers } from './profile-service.ts';
import { type RecoveryFlows, recoveryHandlers } from './recovery-service.ts';
import { type TwoFactorFlows, twoFactorHandlers } from './two-factor-service.ts';

/** Every service of the contract. */
export const services = [AuthService, TwoFactorService, RecoveryService, ProfileService] as const;

export type Flows = AuthFlows & ProfileFlows & RecoveryFlows & TwoFactorFlows;

/** Registers every service; an RPC without a handler yet says so through the error door. */
export function registerServices(router: ConnectRouter, flows: Flows): void {
  router.service(AuthService, whole(AuthService, authHandlers(flows)));
  router.service(TwoFactorService, whole(TwoFactorService, twoFactorHandlers(flows)));
  router.service(RecoveryService, whole(RecoveryService, recoveryHandlers(flows)));
  router.service(ProfileService, whole(ProfileService, profileHandlers(flows)));
}

/** The handlers of a service; what it lacks says so through the error door. */
export function whole<S extends DescService>(
  service: S,
  handlers: Partial<ServiceImpl<S>>,
): Partial<ServiceImpl<S>> {
  const refuse = () => {
    throw new DomainError('NOT_IMPLEMENTED');
  };
  const missing = service.methods.map((method) => [method.localName, refuse]);
  return { ...Object.fromEntries(missing), ...handlers };
}
