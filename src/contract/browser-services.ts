import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { AuthorizationService } from '../../gen/manam/v1/authorization_service_pb.js';
import { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';

/** The services that pages and apps call, by the name of their client. Apart from the others, so that no page loads those. */
export const browserServices = {
  auth: AuthService,
  twoFactor: TwoFactorService,
  passkeys: PasskeyService,
  providers: ProviderService,
  recovery: RecoveryService,
  profile: ProfileService,
  events: EventService,
  authorization: AuthorizationService,
} as const;
