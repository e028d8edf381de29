import {
  EndUserSessionsResponseSchema,
  GetUserFactorsResponseSchema,
  ListUserSessionsResponseSchema,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeTime, sayJson, sayTable } from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing } from './context.ts';
import { ofTenant } from './user.ts';

type OfTenant = { readonly tenant: string };

/** `manam user sessions | end-sessions | factors | reset-factors` */
export function addUserCareCommands({ program, admin }: Cli): void {
  const user = program.commands.find((each) => each.name() === 'user') ?? program.command('user');

  printing(
    ofTenant(user.command('sessions <user>')).description('list the live sessions of a user'),
    'user sessions sara@example.com --tenant acme',
  ).action((reference: string, { tenant, json }: Output & OfTenant) =>
    admin('keys', async (client) => {
      const answer = await client.listUserSessions({ tenant, user: reference });
      if (json) return sayJson(ListUserSessionsResponseSchema, answer);
      sayTable(
        ['ID', 'BEGAN', 'LAST USED', 'ADDRESS', 'METHODS', 'DEVICE'],
        answer.sessions.map((each) => [
          each.sessionId,
          describeTime(each.createTime),
          describeTime(each.lastUseTime),
          each.address || '-',
          each.amr.join(' '),
          each.device || '-',
        ]),
      );
    }),
  );

  destructive(
    printing(
      ofTenant(user.command('end-sessions <user>'))
        .description('sign a user out everywhere, or end one session')
        .option('--session <id>', 'this session alone', ''),
      'user end-sessions sara@example.com --tenant acme',
    ),
  ).action((reference: string, options: Output & Destructive & OfTenant & { readonly session: string }) =>
    admin('keys', async (client) => {
      const { tenant, session: sessionId, yes, json } = options;
      await assertWanted(`End ${sessionId === '' ? 'all sessions' : 'this session'} of ${reference}?`, yes);
      const answer = await client.endUserSessions({ tenant, user: reference, sessionId });
      if (json) sayJson(EndUserSessionsResponseSchema, answer);
      else say(`ended: ${answer.ended}`);
    }),
  );

  printing(
    ofTenant(user.command('factors <user>')).description('show the second factors of a user'),
    'user factors sara@example.com --tenant acme',
  ).action((reference: string, { tenant, json }: Output & OfTenant) =>
    admin('keys', async (client) => {
      const answer = await client.getUserFactors({ tenant, user: reference });
      if (json) return sayJson(GetUserFactorsResponseSchema, answer);
      const yes = (is: boolean) => (is ? 'yes' : 'no');
      sayTable(
        ['PASSWORD', 'PASSKEYS', 'TOTP', 'SMS', 'RECOVERY CODES'],
        [
          [
            yes(answer.password),
            String(answer.passkeys),
            yes(answer.totp),
            answer.maskedPhoneNumber || 'no',
            String(answer.recoveryCodesLeft),
          ],
        ],
      );
    }),
  );

  destructive(
    printing(
      ofTenant(user.command('reset-factors <user>')).description(
        'remove the second factors of a user who has lost them; check first who asks',
      ),
      'user reset-factors sara@example.com --tenant acme',
    ),
  ).action((reference: string, { tenant, yes, json }: Output & Destructive & OfTenant) =>
    admin('keys', async (client) => {
      await assertWanted(`Remove the second factors of ${reference}? The password alone signs in then.`, yes);
      await client.resetUserFactors({ tenant, user: reference });
      say(json ? '{}' : 'removed');
    }),
  );
}
