import { createMailbox } from '../pages/mailbox.ts';
import { createDocsRoute } from '../web/docs.ts';
import { createHostedPagesRoute } from '../web/hosted-pages.ts';
import { createMailboxRoute } from '../web/mailbox.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** The pages that people see: account pages, API reference, and the mailbox of a development server. */
export function hostedPages({ adapters, config, hostedTenants }: FeatureDeps) {
  const mailbox = createMailboxRoute(createMailbox(adapters.store));
  return {
    endpoints: [
      createDocsRoute(config.restPrefixes),
      ...(config.production ? [] : [mailbox]),
      createHostedPagesRoute(hostedTenants, { isDevelopment: !config.production }),
    ],
  } satisfies Feature;
}
