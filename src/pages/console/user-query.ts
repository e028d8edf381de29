/** One way to find users, as ListUsers and StartUserJob take it: the service has an index for each. */
export type UserQuery =
  | { readonly query: string }
  | { readonly state: string }
  | { readonly factor: string }
  | { readonly provider: string };

/** Whether a query finds everyone. */
export const isOfAll = (query: UserQuery) => 'state' in query && query.state === '';
