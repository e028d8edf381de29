import type { Repositories } from '../domain/repositories.ts';
import type { Tenant } from '../domain/tenant.ts';

const pageTenants = 100;

/** All tenants by their names, read a hundred at a time. */
export async function* everyTenant({ tenants }: Pick<Repositories, 'tenants'>): AsyncGenerator<Tenant> {
  for (let after = ''; ; ) {
    const page = await tenants.list(after, pageTenants);
    yield* page;
    const last = page.at(-1);
    if (page.length < pageTenants || last === undefined) return;
    after = last.slug;
  }
}
