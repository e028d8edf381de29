import { createManageAuthenticators } from '../flows/authenticators/manage.ts';
import { createSetup } from '../flows/authenticators/setup.ts';
import { createSecondFactor } from '../flows/sign-in/second-factor.ts';
import { createTrustedDevices } from '../flows/sign-in/trusted-devices.ts';
import { twoFactorHandlers } from '../rpc/two-factor-service.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** Authenticators: enrolment, the second step of a sign-in, recovery codes. */
export function twoFactor({ adapters, core }: FeatureDeps) {
  const all = { ...adapters, ...core };
  const flows = {
    setup: createSetup(all),
    authenticators: createManageAuthenticators(all),
    validate: createSecondFactor(all),
    devices: createTrustedDevices(all),
  };
  return {
    handlers: { twoFactor: twoFactorHandlers(core.idempotent(flows)) },
    retention: { trustedDevices: 0 },
  } satisfies Feature;
}
