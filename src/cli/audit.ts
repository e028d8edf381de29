import type { Config } from '../config.ts';
import type { AuditEvent, AuditFilter } from '../domain/model.ts';
import type { Store } from '../domain/repositories.ts';
import { deploymentId } from '../flows/admin/operator.ts';
import { say } from './common.ts';
import { withStore } from './connection.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

export type AuditOptions = {
  readonly tenant: string;
  readonly user?: string;
  readonly action?: string;
  readonly outcome?: string;
  readonly limit: number;
  readonly json: boolean;
};

/** How often `audit tail` looks for new lines. */
const pollMs = 1000;

const columns = ['createdAt', 'action', 'outcome', 'reason', 'userId', 'address', 'requestId'] as const;

/** One event: a JSON document for programs, tab-separated columns for people. */
function format(event: AuditEvent, json: boolean): string {
  if (json) return JSON.stringify(event);
  const cell = (value: Date | string | undefined) =>
    value instanceof Date ? value.toISOString() : value || '-';
  return columns.map((column) => cell(event[column])).join('\t');
}

async function filterOf(
  store: Store,
  { tenant: slug, user, action, outcome }: AuditOptions,
): Promise<AuditFilter> {
  // No tenant has this name: it stands for what concerns none, such as keys of the deployment.
  const tenant = slug === 'deployment' ? { id: deploymentId } : await store.tenants.findBySlug(slug);
  if (tenant === undefined) throw new CommandError(`there is no tenant ${slug}`, exitCodes.notFound);
  return {
    tenantId: tenant.id,
    ...(user === undefined ? {} : { userId: user }),
    ...(action === undefined ? {} : { action }),
    ...(outcome === undefined ? {} : { outcome }),
  };
}

/** Prints the newest events that match, the oldest of them first. */
export async function searchAudit(config: Config, options: AuditOptions): Promise<void> {
  await withStore(config, async (store) => {
    const events = await store.audit.list(await filterOf(store, options), options.limit);
    if (!options.json) say(columns.join('\t'));
    for (const event of events.reverse()) say(format(event, options.json));
  });
}

/** Prints the newest events, and then each new one as it comes, until a signal. */
export async function tailAudit(config: Config, options: AuditOptions): Promise<void> {
  await withStore(config, async (store) => {
    const filter = await filterOf(store, options);
    let running = true;
    const stop = () => {
      running = false;
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    let afterId: string | undefined;
    while (running) {
      const page = afterId === undefined ? filter : { ...filter, afterId };
      const events = await store.audit.list(page, options.limit);
      for (const event of events.reverse()) say(format(event, options.json));
      afterId = events.at(-1)?.id ?? afterId;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  });
}
