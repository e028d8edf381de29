import { AuthService } from '../../../gen/manam/v1/auth_service_pb.js';
import { EventService } from '../../../gen/manam/v1/event_service_pb.js';
import { ManagementService } from '../../../gen/manam/v1/management_service_pb.js';
import { made } from '../../../tools/contract/examples.ts';
import { freshEmail } from '../app.ts';
import { bearer } from '../journey.ts';
import { signInTo } from '../openid.ts';

import type { Actors, Prepared } from './actors.ts';

/** What the calls of back ends, applications and members need. */
export function prepareBackEnds(actors: Actors): Readonly<Record<string, () => Promise<Prepared>>> {
  const {
    newestTo,
    someone,
    idOf,
    aUser,
    member,
    atManam,
    anApplication,
    aWebhook,
    aDelivery,
    aJob,
    aKey,
    aConnection,
    aDomain,
    owner,
    test,
  } = actors;
  return {
    explainSession: async () => {
      const { headers } = await someone();
      const { sessions } = await test.client(AuthService, headers).listSessions({});
      return { headers, live: { [made.sessionId]: sessions[0]?.sessionId ?? '' } };
    },
    proveInclusion: async () => {
      const { events } = await test
        .client(EventService, { 'x-api-key': test.dev.secret })
        .listEvents({ limit: 1 });
      return { live: { [made.eventId]: events[0]?.eventId ?? '' } };
    },
    ...Object.fromEntries(
      [
        'getWebhook',
        'updateWebhook',
        'deleteWebhook',
        'rotateWebhookSecret',
        'enableWebhook',
        'disableWebhook',
        'testWebhook',
        'listWebhookDeliveries',
        'replayEvents',
      ].map((call) => [call, aWebhook]),
    ),
    getWebhookDelivery: aDelivery,
    retryWebhookDelivery: async () => {
      const { live } = await aDelivery();
      await test.sql("UPDATE webhook_deliveries SET status = 'failed'");
      return { live };
    },
    issueTokens: async () =>
      await anApplication({ kind: 'machine', redirectUris: [], resources: ['https://api.tenant.com'] }),
    getUserInfo: async () => {
      const { application } = await anApplication();
      const { tokens } = await signInTo(test, application, { scope: 'openid email' });
      return { headers: bearer(tokens['access_token'] ?? '') };
    },
    ...Object.fromEntries(
      ['introspectOAuthToken', 'revokeOAuthToken'].map((call) => [
        call,
        async () => {
          const { application, headers } = await anApplication();
          const { tokens } = await signInTo(test, application, { scope: 'openid offline_access' });
          const { access_token: access = '', refresh_token: refresh = '' } = tokens;
          return { headers, live: { [made.accessToken]: access, [made.refreshToken]: refresh } };
        },
      ]),
    ),
    pushAuthorization: async () => await anApplication(),
    startDeviceAuthorization: async () => await anApplication({ deviceGrant: true }),
    ...Object.fromEntries(
      [
        'getUser',
        'updateUser',
        'confirmUser',
        'disableUser',
        'enableUser',
        'deleteUser',
        'setUserPassword',
        'sendUserRecovery',
        'resetUserAuthenticators',
        'listUserSessions',
        'endUserSessions',
        'listUserEvents',
        'startUserJob',
      ].map((call) => [call, aUser]),
    ),
    impersonateUser: async () => ({ ...(await aUser()), headers: await owner() }),
    getUserJob: aJob,
    cancelUserJob: aJob,
    rotateKey: aKey,
    revokeKey: aKey,
    ...Object.fromEntries(
      ['updateApplication', 'deleteApplication', 'rotateApplicationSecret'].map((call) => [
        call,
        async () => ({ live: (await anApplication()).live }),
      ]),
    ),
    setConnectionSecret: aConnection,
    deleteConnection: aConnection,
    verifyDomain: aDomain,
    removeDomain: aDomain,
    revokeInvitation: async () => {
      const headers = await owner();
      const { invitation } = await test
        .client(ManagementService, headers)
        .inviteMember({ email: freshEmail(), role: 'viewer' });
      return { headers, live: { [made.invitationId]: invitation?.invitationId ?? '' } };
    },
    setMemberRole: async () => idOf(await member('viewer')),
    removeMember: async () => idOf(await member('viewer')),
    transferOwnership: async () => idOf(await member('viewer')),
    leaveTenant: async () => ({ headers: (await member('viewer')).headers }),
    acceptInvitation: async () => {
      const { user, headers } = await atManam();
      await test.client(ManagementService, await owner()).inviteMember({ email: user.email, role: 'viewer' });
      return { headers, live: { [made.mailToken]: await newestTo(user.email, 'invitation') } };
    },
    createTenant: atManam,
    listMyTenants: atManam,
  };
}
