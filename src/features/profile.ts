import { createChangeIdentifier, createStartChange } from '../flows/accounts/change-identifier.ts';
import { createDeleteAccount } from '../flows/accounts/delete-account.ts';
import { createEditUser } from '../flows/accounts/edit-user.ts';
import { createManamUser } from '../flows/accounts/manam-user.ts';
import { createRemoveIdentifier } from '../flows/accounts/remove-identifier.ts';
import { createTerms } from '../flows/accounts/terms.ts';
import { createReadUser, createViewUser } from '../flows/accounts/view-user.ts';
import { profileHandlers } from '../rpc/profile-service.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** The profile and the identifiers of a user, and the end of an account. */
export function profile({ adapters, core }: FeatureDeps) {
  const all = { ...adapters, ...core };
  const flows = {
    viewUser: createViewUser(all),
    readUser: createReadUser(all),
    editUser: createEditUser({ ...all, startChange: createStartChange(all) }),
    changeIdentifier: createChangeIdentifier(all),
    removeIdentifier: createRemoveIdentifier(all),
    deleteAccount: createDeleteAccount(all),
    terms: createTerms(all),
    manamUser: createManamUser(all),
  };
  return { handlers: { profile: profileHandlers(core.idempotent(flows)) } } satisfies Feature;
}
