import type { AuthenticationMethod, SessionLevel } from './authentication.ts';
import type { AuthenticatorKind } from './authenticator.ts';
import type { Identifier } from './identifier.ts';
import type { Client } from './network.ts';
import type { UserView } from './user.ts';

/** The key of a client, whose proof its tokens need. */
export type KeyBinding = {
  /** The thumbprint of the key (RFC 7638), in Base64url. */
  readonly jkt: string;
  /** Whether access tokens need the proof as well; the refresh token always does. */
  readonly bindsAccess: boolean;
  /** The first refresh token that is bound, by its counter: 0 where the sign-in came with the proof. */
  readonly since: number;
};

/** The sessions that a user may have; the oldest ends for one more (R19). */
export const maxSessions = 50;

export type SessionRow = {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly level: SessionLevel;
  readonly amr: readonly AuthenticationMethod[];
  readonly authTime: Date;
  readonly client: Client;
  /** The key that the session is bound to (RFC 9449); undefined: none. */
  readonly binding: KeyBinding | undefined;
  /** Whether the user asked to stay signed in. */
  readonly remember: boolean;
  /** The trusted device that stood for the second factor; undefined: none. */
  readonly deviceId: string | undefined;
  /** The name by which the device is known again; empty in sessions of version 0.1.0. */
  readonly device: string;
  /** Number of rotations of the refresh token. */
  readonly refreshCounter: number;
  readonly refreshSalt: Buffer;
  /** Time of the last rotation, or of the creation. */
  readonly refreshedAt: Date;
  readonly createdAt: Date;
  /** Idle expiry. */
  readonly idleExpiresAt: Date;
  /** Absolute expiry. */
  readonly expiresAt: Date;
};

/** A live session, and whether its user has a second factor. */
export type LiveSession = SessionRow & {
  /** The authenticators that its user has by now. */
  readonly kinds: readonly AuthenticatorKind[];
  /** The roles of its user. */
  readonly roles: readonly string[];
};

/** A session that may have ended. */
export type EndedSession = Pick<SessionRow, 'id' | 'userId' | 'createdAt' | 'idleExpiresAt' | 'expiresAt'> & {
  /** Time of its end by a person or a rule; undefined, or no earlier than `idleExpiresAt`: it was left to expire, or lives. */
  readonly revokedAt: Date | undefined;
};

export type SessionRepository = {
  /** False if the user is no longer active: disabled or erased. */
  insert(session: SessionRow): Promise<boolean>;
  /** Finds a session that is live and whose user is active and has a confirmed identifier. */
  findLive(tenantId: string, id: string, now: Date): Promise<LiveSession | undefined>;
  /** The same with the user, in one read: what nearly every call with a session needs. */
  findOfCall(tenantId: string, id: string, now: Date): Promise<CallerSession | undefined>;
  /** Finds a session, also one that has ended. */
  findEnded(tenantId: string, id: string): Promise<EndedSession | undefined>;
  /** The ids of those sessions that are live and whose users are active. */
  filterLive(sessions: readonly Pick<SessionRow, 'tenantId' | 'id'>[], now: Date): Promise<string[]>;
  /** Keeps a session from ending until the transaction does; false where it has ended, or its user is not active. */
  hold(tenantId: string, id: string, now: Date): Promise<boolean>;
  /** The live sessions of a user, the newest first. */
  listLive(tenantId: string, userId: string, now: Date): Promise<SessionRow[]>;
  /** Rotates the refresh token of a live session; true for exactly one caller per counter. */
  rotate(
    session: SessionRow,
    next: Pick<SessionRow, 'level' | 'refreshedAt' | 'idleExpiresAt' | 'client' | 'binding'>,
  ): Promise<boolean>;
  /** Notes that a second factor was proved in a session: it is signed in at the user's full level. */
  addSecondFactor(
    tenantId: string,
    id: string,
    method: AuthenticationMethod,
    now: Date,
    level?: SessionLevel,
  ): Promise<void>;
  /** Notes that the user has authenticated again. */
  updateAuthTime(tenantId: string, id: string, authTime: Date): Promise<void>;
  /** Ends one session of a user; false where they have no such live session. */
  revoke(tenantId: string, userId: string, id: string, now: Date): Promise<boolean>;
  /** Ends all sessions of a user but one; returns their number. */
  revokeOthers(tenantId: string, userId: string, keptId: string | undefined, now: Date): Promise<number>;
  /** Whether one of the latest sessions of the owner of an identifier began with this key, as a thumbprint. */
  isKeyOf(tenantId: string, identifier: Identifier, jkt: string): Promise<boolean>;
  /** Forgets what devices the sessions of a user began on: they make no later sign-in a known one. */
  forgetDevices(tenantId: string, userId: string): Promise<void>;
  /** Ends the sessions in which a trusted device stood for the second factor; returns their ids. */
  revokeOfDevice(tenantId: string, userId: string, deviceId: string, now: Date): Promise<string[]>;
  /**
   * Ends the oldest sessions of a user beyond that many; returns the ids of those that no one else has ended. Where it
   * ends none, those whose idle time is over are no longer counted among the live ones. `expected` is the only one that
   * is beyond, as far as the caller knows: where it ends nothing has to be read.
   */
  revokeBeyond(
    tenantId: string,
    userId: string,
    kept: number,
    now: Date,
    expected?: string,
  ): Promise<string[]>;
};

/** The session of a call, as its row was when the call came in. */
export type CallerSession = {
  readonly id: string;
  readonly userId: string;
  readonly level: SessionLevel;
  readonly amr: readonly AuthenticationMethod[];
  readonly authTime: Date;
  /** The trusted device that stood for the second factor; undefined: none. */
  readonly deviceId: string | undefined;
  /** The member who acts in the user's place, by the token; absent: the user themselves. */
  readonly actorId?: string;
  /** Whose session it is, as they were when the call came in. */
  readonly holder: UserView;
};
