import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';

/**
 * The services of the public address, by the name of their client. This is the only list: server,
 * access rules, REST, OpenAPI, docs and clients follow it.
 */
export const publicServices = {
  auth: AuthService,
  twoFactor: TwoFactorService,
  passkeys: PasskeyService,
  recovery: RecoveryService,
  profile: ProfileService,
} as const;
