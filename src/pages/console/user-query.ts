/** One way to find users: the service has an index for each. */
export type UserQuery =
  | { readonly by: 'query'; readonly query: string }
  | { readonly by: 'state'; readonly state: string }
  | { readonly by: 'factor'; readonly factor: string };

/** What ListUsers and StartUserJob call a query. */
export function filterOf(query: UserQuery) {
  if (query.by === 'query') return { query: query.query };
  return query.by === 'factor' ? { factor: query.factor } : { state: query.state };
}
