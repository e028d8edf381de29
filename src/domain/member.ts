/** The roles of the people who run a tenant, from the least to the most powerful. */
export const memberRoles = ['viewer', 'support', 'developer', 'admin', 'owner'] as const;

export type MemberRole = (typeof memberRoles)[number];

/** A user of Manam who belongs to the people that run a tenant. */
export type Member = {
  readonly tenantId: string;
  /** The id of the user at the tenant `manam`. */
  readonly userId: string;
  readonly role: MemberRole;
  readonly createdAt: Date;
};

/** A member in a call: the session at Manam that the call was made in. */
export type CallingMember = Pick<Member, 'userId' | 'role'> & {
  readonly sessionId: string;
  /** Whether they have authenticated within the last 5 minutes. */
  readonly isFresh: boolean;
};

/** An invitation to become a member. It names an address, and is good for the user of Manam who has proved that address. */
export type Invitation = {
  readonly tenantId: string;
  readonly id: string;
  readonly email: string;
  readonly role: MemberRole;
  /** The member who invites; undefined: an operator. */
  readonly invitedBy: string | undefined;
  /** SHA-256 of the secret in the link. */
  readonly digest: Buffer;
  readonly createdAt: Date;
  readonly expiresAt: Date;
};

/** The most members and open invitations of a tenant. */
export const maxMembers = 200;
/** The same of a confined tenant, whose invitations Manam sends. */
export const maxMembersConfined = 10;

/**
 * The roles that someone may give: no one gives more than they have, and below an owner only an administrator
 * gives any.
 */
export function rolesGivenBy(role: MemberRole): readonly MemberRole[] {
  if (role === 'owner') return memberRoles;
  return role === 'admin' ? memberRoles.filter((each) => each !== 'owner') : [];
}

/** The roles that look at accounts in the place of their users. */
export const actingRoles: readonly MemberRole[] = ['support', 'admin', 'owner'];

/** How much of a person a role sees: addresses and numbers in full, and the profile. */
export type Sight = { readonly identifiers: boolean; readonly profile: boolean };

const sights: Readonly<Record<MemberRole, Sight>> = {
  viewer: { identifiers: false, profile: false },
  developer: { identifiers: false, profile: false },
  support: { identifiers: true, profile: false },
  admin: { identifiers: true, profile: true },
  owner: { identifiers: true, profile: true },
};

/** The sight of a role; that of keys and operators, whose scopes decide, is full. */
export function sightOf(role: MemberRole | undefined): Sight {
  return role === undefined ? { identifiers: true, profile: true } : sights[role];
}

export type MemberRepository = {
  /** By primary key: read at every call of a member. */
  find(tenantId: string, userId: string): Promise<Member | undefined>;
  /** Whether a member may still act in a user's place, by a token issued at that time: they joined earlier, have such a role, and their account at Manam is active. */
  mayAct(tenantId: string, userId: string, issuedAt: Date): Promise<boolean>;
  /** The members of a tenant, the oldest first. */
  list(tenantId: string): Promise<Member[]>;
  /** The tenants that a user of Manam belongs to. */
  listOfUser(userId: string): Promise<Member[]>;
  /** Throws DuplicateError where the user is a member. */
  insert(member: Member): Promise<void>;
  /** Gives a member another role, if it is still the one that was read; false where it is not. */
  changeRole(member: Member, role: MemberRole): Promise<boolean>;
  /** Ends a membership; false where there is none. */
  delete(tenantId: string, userId: string): Promise<boolean>;
  /** Ends all memberships of a user of Manam. */
  deleteOfUser(userId: string): Promise<void>;
  insertInvitation(invitation: Invitation): Promise<void>;
  listInvitations(tenantId: string, now: Date): Promise<Invitation[]>;
  findInvitation(tenantId: string, id: string): Promise<Invitation | undefined>;
  /** Takes an invitation away; true for one caller. */
  deleteInvitation(tenantId: string, id: string): Promise<boolean>;
};
