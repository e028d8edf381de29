import {
  ListTenantMembersResponseSchema,
  SetTenantMemberResponseSchema,
  type TenantMember,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeTime, sayJson, sayTable } from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing } from './context.ts';

function show(members: readonly TenantMember[]): void {
  sayTable(
    ['ID', 'ROLE', 'E-MAIL', 'NAME', 'SINCE'],
    members.map(({ userId, role, email, name, createTime }) => [
      userId,
      role,
      email || '-',
      name || '-',
      describeTime(createTime),
    ]),
  );
}

/** `manam developer …` */
function addDeveloperCommands({ program, admin }: Cli): void {
  const developer = program.command('developer').description('the people who make tenants of their own');
  printing(
    developer.command('invite <email>').description('invite someone to make a tenant, by e-mail'),
    'developer invite sara@example.com',
  ).action((email: string, options: Output) =>
    admin('keys', async (client) => {
      await client.inviteDeveloper({ email });
      say(options.json ? '{}' : 'invited');
    }),
  );
}

/** `manam member …`, and `manam developer …` */
export function addMemberCommands(cli: Cli): void {
  addDeveloperCommands(cli);
  const { program, admin } = cli;
  const member = program.command('member').description('the users of Manam who run a tenant');

  printing(
    member.command('list <tenant>').description('list the members of a tenant'),
    'member list acme',
  ).action((tenant: string, options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.listTenantMembers({ tenant });
      if (options.json) return sayJson(ListTenantMembersResponseSchema, answer);
      show(answer.members);
    }),
  );

  printing(
    member
      .command('set <tenant> <user> <role>')
      .description(
        'make a user of Manam, named by id, e-mail address or mobile number, a viewer, support, developer, admin or owner of a tenant',
      ),
    'member set acme sara@example.com owner',
  ).action((tenant: string, user: string, role: string, options: Output) =>
    admin('keys', async (client) => {
      const answer = await client.setTenantMember({ tenant, user, role });
      if (options.json) return sayJson(SetTenantMemberResponseSchema, answer);
      if (answer.member !== undefined) show([answer.member]);
    }),
  );

  destructive(
    printing(
      member.command('remove <tenant> <user>').description('end a membership'),
      'member remove acme sara@example.com',
    ),
  ).action((tenant: string, user: string, options: Output & Destructive) =>
    admin('keys', async (client) => {
      await assertWanted(`Remove ${user} from the members of ${tenant}?`, options.yes);
      await client.removeTenantMember({ tenant, user });
      say(options.json ? '{}' : 'removed');
    }),
  );
}
