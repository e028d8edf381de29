import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { AuthorizationService } from '../../gen/manam/v1/authorization_service_pb.js';
import { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { OAuthService } from '../../gen/manam/v1/oauth_service_pb.js';
import { PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { ProviderService } from '../../gen/manam/v1/provider_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../gen/manam/v1/two_factor_service_pb.js';
import { WebhookService } from '../../gen/manam/v1/webhook_service_pb.js';

/** The services that pages and apps call, by the name of their client. */
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

/**
 * The services of the public address, by the name of their client. This is the only list: server,
 * access rules, REST, OpenAPI, docs and clients follow it.
 */
export const publicServices = { ...browserServices, webhooks: WebhookService, oauth: OAuthService } as const;
