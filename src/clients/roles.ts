/** Throws MissingRoleError where a user has none of these roles. */
export function assertRole(
  { roles }: { readonly roles: readonly string[] },
  ...wanted: readonly string[]
): void {
  if (!wanted.some((role) => roles.includes(role))) throw new MissingRoleError(wanted);
}

/** The user lacks a role: 403, where a token that is refused is 401. */
export class MissingRoleError extends Error {
  constructor(wanted: readonly string[]) {
    super(`it takes one of the roles ${wanted.join(', ')}`);
    this.name = 'MissingRoleError';
  }
}
