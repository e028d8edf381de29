import { createCeremonies } from '../flows/passkeys/ceremony.ts';
import { createManagePasskeys } from '../flows/passkeys/manage.ts';
import { createProvePasskey } from '../flows/passkeys/prove.ts';
import { createPasskeySignIn } from '../flows/passkeys/sign-in.ts';
import { createFinishPending } from '../flows/sign-in/second-factor.ts';
import { passkeyHandlers } from '../rpc/passkey-service.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** Passkeys: registration, sign-in, second factor, step-up. */
export function passkeys({ adapters, core, config }: FeatureDeps) {
  const pageOrigin = new URL(config.issuer).origin;
  const all = { ...adapters, ...core, pageOrigin };
  const ceremonies = createCeremonies(all);
  const prove = createProvePasskey({ ...all, ceremonies });
  const flows = {
    own: createManagePasskeys({ ...all, ceremonies }),
    signIn: createPasskeySignIn({ ...all, ceremonies, prove, finishPending: createFinishPending(all) }),
  };
  return { handlers: { passkeys: passkeyHandlers(flows) } } satisfies Feature;
}
