import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { OAuthService } from '../../gen/manam/v1/oauth_service_pb.js';
import { WebhookService } from '../../gen/manam/v1/webhook_service_pb.js';
import { browserServices } from './browser-services.ts';

/**
 * The services of the public address, by the name of their client. This is the only list: server,
 * access rules, REST, OpenAPI, docs and clients follow it.
 */
export const publicServices = {
  ...browserServices,
  webhooks: WebhookService,
  oauth: OAuthService,
  management: ManagementService,
} as const;
