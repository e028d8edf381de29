import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';

/** A client of every service. What its calls throw, `readFailure` reads. */
export type Manam = {
  readonly auth: Client<typeof AuthService>;
  readonly twoFactor: Client<typeof TwoFactorService>;
  readonly recovery: Client<typeof RecoveryService>;
  readonly profile: Client<typeof ProfileService>;
};

export function manamOver(transport: Transport): Manam {
  return {
    auth: createClient(AuthService, transport),
    twoFactor: createClient(TwoFactorService, transport),
    recovery: createClient(RecoveryService, transport),
    profile: createClient(ProfileService, transport),
  };
}
