/** A tenant whose log was not read to its end for the logouts of applications. */
export type LogoutPlace = {
  readonly tenantId: string;
  readonly position: number;
  /** The size of the log. */
  readonly size: number;
};

export type LogoutCursorRepository = {
  /** Begins to read the log of a tenant, from its end on; a tenant that is read already stays where it is. */
  begin(tenantId: string): Promise<void>;
  /** Tenants that are behind their logs, by id, after one. */
  listBehind(afterTenantId: string | undefined, limit: number): Promise<LogoutPlace[]>;
  /** Moves on; true for exactly one of any number of callers. */
  advance(tenantId: string, from: number, to: number): Promise<boolean>;
  /** Goes back to the end of a log that is shorter than what was read, such as a restored one. */
  rewind(tenantId: string, size: number): Promise<void>;
};
