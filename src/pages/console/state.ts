import { type DescMethod, getOption } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { access, MemberRole } from '../../../gen/manam/options/v1/access_pb.js';
import { EventService } from '../../../gen/manam/v1/event_service_pb.js';
import { WebhookService } from '../../../gen/manam/v1/webhook_service_pb.js';
import { ManagementService, type MyTenant } from '../../clients/management.ts';
import type { Site } from '../kit/site.ts';

/** What all screens of the console share. */
export type Console = Site & {
  readonly tenant: MyTenant;
  readonly manage: Client<typeof ManagementService>;
  readonly events: Client<typeof EventService>;
  readonly webhooks: Client<typeof WebhookService>;
  /** The part of the address behind the tenant's name, such as `users`, and what follows it. */
  readonly screen: string;
  readonly item: string;
  /** Whether the member may call a method: the contract says which roles do. */
  may(method: DescMethod): boolean;
  /** Says that something was done. */
  say(text: string): void;
};

export const ConsoleContext = createContext<Console | undefined>(undefined);

export function useConsole(): Console {
  const shared = useContext(ConsoleContext);
  if (shared === undefined) throw new Error('outside of the console');
  return shared;
}

const roles: Readonly<Record<string, MemberRole>> = {
  viewer: MemberRole.VIEWER,
  support: MemberRole.SUPPORT,
  developer: MemberRole.DEVELOPER,
  admin: MemberRole.ADMIN,
  owner: MemberRole.OWNER,
};

/** The roles of members, the least first. */
export const memberRoles = ['viewer', 'support', 'developer', 'admin', 'owner'] as const;

/** The scopes that secret keys can have: those that some method asks for. */
export const scopes: readonly string[] = [
  ...new Set(
    [ManagementService, EventService, WebhookService]
      .flatMap((service) => service.methods)
      .map((method) => getOption(method, access).scope)
      .filter((scope) => scope !== ''),
  ),
];

/** Whether a role may call a method. */
export function mayCall(role: string, method: DescMethod): boolean {
  const own = roles[role];
  return own !== undefined && getOption(method, access).members.includes(own);
}
