import type { UserFilter, UserPlace } from './user-list.ts';

/** The actions that a job can run on each of its users. */
export const jobActions = ['disable', 'enable', 'delete', 'end-sessions', 'set-roles'] as const;

export type JobAction = (typeof jobActions)[number];

/** The users of a job: those that are named, or all whom one way after the other finds. */
export type JobUsers = { readonly ids: readonly string[] } | { readonly filters: readonly UserFilter[] };

/** How far a job has come: an index of ids, or a filter and a place in its list. */
export type JobPosition = { readonly index: number; readonly after?: UserPlace };

/** One action on many users, done in the background in small steps. */
export type UserJob = {
  readonly tenantId: string;
  readonly id: string;
  readonly action: JobAction;
  readonly users: JobUsers;
  /** With `set-roles`. */
  readonly roles: readonly string[];
  readonly state: 'running' | 'done' | 'cancelled';
  readonly position: JobPosition;
  /** Users whom it was done to, and those whom it could not be done to. */
  readonly done: number;
  readonly failed: number;
  /** The key or member that started the job; the job ends once they lose the permission. */
  readonly keyId: string | undefined;
  readonly memberId: string | undefined;
  readonly requestId: string;
  readonly createdAt: Date;
  readonly endedAt: Date | undefined;
  /** Until then one instance works at it. */
  readonly leaseUntil: Date;
};

export const maxJobUsers = 1000;
/** The most jobs of a tenant that run at a time. */
export const maxRunningJobs = 5;

export type UserJobRepository = {
  insert(job: UserJob): Promise<void>;
  find(tenantId: string, id: string): Promise<UserJob | undefined>;
  /** The newest jobs first. */
  list(tenantId: string, limit: number): Promise<UserJob[]>;
  countRunning(tenantId: string): Promise<number>;
  /** Whether a running job waits for an instance: a look that holds nothing. */
  isDue(now: Date): Promise<boolean>;
  /** Takes a running job that no instance works at, until then. */
  claim(now: Date, leaseUntil: Date): Promise<UserJob | undefined>;
  /** Notes a step of a claimed job and gives it back; false where the claim is lost. */
  advance(
    job: UserJob,
    step: Pick<UserJob, 'state' | 'position' | 'done' | 'failed' | 'endedAt' | 'leaseUntil'>,
  ): Promise<boolean>;
  /** Ends a running job before its time; false where it does not run. */
  cancel(tenantId: string, id: string, now: Date): Promise<boolean>;
};
