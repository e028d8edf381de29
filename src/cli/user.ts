import type { Command } from 'commander';
import {
  DeleteUserResponseSchema,
  GetUserResponseSchema,
  SearchUsersResponseSchema,
  type User,
  UserState,
} from '../../gen/manam/admin/v1/admin_service_pb.js';
import type { AdminClient } from '../composition/admin-client.ts';
import { say } from '../composition/terminal.ts';
import { assertWanted, describeEnum, describeTime, sayJson, sayTable } from './common.ts';
import { type Cli, type Destructive, destructive, type Output, printing, repeated } from './context.ts';

type OfTenant = { readonly tenant: string };
type CreateOptions = {
  readonly mobile: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly role?: readonly string[];
  readonly locale: string;
  readonly confirmed: boolean;
  readonly silent: boolean;
};
type Named = { readonly tenant: string; readonly user: string };

/** A command on the users of one tenant. */
export function ofTenant(command: Command): Command {
  return command.requiredOption('--tenant <tenant>', 'the tenant, by slug or id');
}

/** An address or number, with a mark where it is not confirmed. */
function describe(address: string, isConfirmed: boolean): string {
  if (address === '') return '-';
  return isConfirmed ? address : `${address} (unconfirmed)`;
}

function showUsers(users: readonly User[]): void {
  sayTable(
    ['ID', 'STATE', 'E-MAIL', 'MOBILE', 'NAME', 'ROLES', 'CREATED'],
    users.map((user) => [
      user.userId,
      describeEnum(UserState, user.state),
      describe(user.email, user.emailConfirmed),
      describe(user.mobile, user.mobileConfirmed),
      `${user.firstName} ${user.lastName}`.trim() || '-',
      user.roles.join(' ') || '-',
      describeTime(user.createTime),
    ]),
  );
}

function answerUser(user: User | undefined, { json }: Output): void {
  if (user === undefined) return;
  if (json) sayJson(GetUserResponseSchema, { $typeName: 'manam.admin.v1.GetUserResponse', user });
  else showUsers([user]);
}

/** `manam user …` */
export function addUserCommands({ program, admin }: Cli): void {
  const user = program.command('user').description('the users of a tenant');

  /** A command that changes one user and prints the result. */
  const onUser = (
    name: string,
    description: string,
    call: (client: AdminClient, named: Named) => Promise<{ readonly user?: User | undefined }>,
  ) =>
    printing(
      ofTenant(user.command(`${name} <user>`)).description(description),
      `user ${name} sara@example.com --tenant acme`,
    ).action((reference: string, options: Output & OfTenant) =>
      admin('keys', async (client) => {
        const answer = await call(client, { tenant: options.tenant, user: reference });
        answerUser(answer.user, options);
      }),
    );

  onUser('show', 'show a user, named by id, e-mail address or mobile number', (client, named) =>
    client.getUser(named),
  );

  printing(
    ofTenant(user.command('search [query]'))
      .description('find users by the beginning of an e-mail address or mobile number')
      .option('--page-size <count>', 'at most that many', Number, 100)
      .option('--page-token <token>', 'the next_page_token of the page before', ''),
    'user search sara@ --tenant acme',
  ).action(
    (
      query: string | undefined,
      options: Output & OfTenant & { readonly pageSize: number; readonly pageToken: string },
    ) =>
      admin('keys', async (client) => {
        const { tenant, pageSize, pageToken } = options;
        const answer = await client.searchUsers({ tenant, query: query ?? '', pageSize, pageToken });
        if (options.json) return sayJson(SearchUsersResponseSchema, answer);
        showUsers(answer.users);
        if (answer.nextPageToken !== '') say(`more: --page-token ${answer.nextPageToken}`);
      }),
  );

  printing(
    ofTenant(user.command('list')).description('list all users of a tenant, the oldest first'),
    'user list --tenant acme --json',
  ).action(({ tenant, json }: Output & OfTenant) =>
    admin('keys', async (client) => {
      const users: User[] = [];
      let pageToken = '';
      do {
        const page = await client.searchUsers({ tenant, query: '', pageSize: 1000, pageToken });
        users.push(...page.users);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      const $typeName = 'manam.admin.v1.SearchUsersResponse' as const;
      if (json) sayJson(SearchUsersResponseSchema, { $typeName, users, nextPageToken: '' });
      else showUsers(users);
    }),
  );

  printing(
    ofTenant(user.command('create <identifier>'))
      .description('make a user by e-mail address or mobile number, who gets a message to set a password')
      .option('--mobile <number>', 'a mobile number beside the address', '')
      .option('--first-name <name>', 'the given name', '')
      .option('--last-name <name>', 'the family name', '')
      .option('--role <role>', 'a role that the policy declares', repeated)
      .option('--locale <locale>', 'the language of messages: en or fa', '')
      .option('--confirmed', 'vouch for the address and the number', false)
      .option('--silent', 'send no message', false),
    'user create sara@example.com --tenant acme --first-name Sara --role admin',
  ).action((identifier: string, options: Output & OfTenant & CreateOptions) =>
    admin('keys', async (client) => {
      const { tenant, firstName, lastName, role = [], locale, confirmed, silent } = options;
      const isEmail = identifier.includes('@');
      const answer = await client.createUser({
        tenant,
        email: isEmail ? identifier : '',
        mobile: isEmail ? options.mobile : identifier,
        firstName,
        lastName,
        roles: [...role],
        locale,
        confirmed,
        silent,
      });
      answerUser(answer.user, options);
    }),
  );

  onUser('confirm', 'confirm what a user signs in with, in place of their own proof', (client, named) =>
    client.confirmUser(named),
  );
  onUser('disable', 'lock a user out and end their sessions', (client, named) => client.disableUser(named));
  onUser('enable', 'let a disabled user in again', (client, named) => client.enableUser(named));

  destructive(
    printing(
      ofTenant(user.command('delete <user>')).description(
        'erase a user with every row of theirs; prints a signed receipt',
      ),
      'user delete sara@example.com --tenant acme',
    ),
  ).action((reference: string, options: Output & Destructive & OfTenant) =>
    admin('keys', async (client) => {
      await assertWanted(`Delete ${reference} of ${options.tenant}? This cannot be undone.`, options.yes);
      const answer = await client.deleteUser({ tenant: options.tenant, user: reference });
      if (options.json) sayJson(DeleteUserResponseSchema, answer);
      else say(`deleted; the receipt: ${answer.receipt}`);
    }),
  );

  printing(
    ofTenant(user.command('role <user>'))
      .description('put roles in the place of those that a user has')
      .option('--role <role>', 'a role that the policy declares; without any: none', repeated),
    'user role sara@example.com --tenant acme --role admin',
  ).action((reference: string, options: Output & OfTenant & { readonly role?: readonly string[] }) =>
    admin('keys', async (client) => {
      const roles = [...(options.role ?? [])];
      const answer = await client.setUserRoles({ tenant: options.tenant, user: reference, roles });
      answerUser(answer.user, options);
    }),
  );
}
