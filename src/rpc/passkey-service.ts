import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { PasskeySchema, PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { type Passkey, stateOf } from '../domain/passkey.ts';
import type { WebAuthnJson } from '../flows/passkeys/ceremony.ts';
import type { ManagePasskeys } from '../flows/passkeys/manage.ts';
import type { PasskeySignIn } from '../flows/passkeys/sign-in.ts';
import { callerOf } from './context.ts';
import { identifierKind, toSecondStep, toSignIn, toTokens, userIdOf } from './convert.ts';

export type PasskeyFlows = { readonly own: ManagePasskeys; readonly signIn: PasskeySignIn };

function toPasskey(passkey: Passkey): MessageInitShape<typeof PasskeySchema> {
  const { id, label, createdAt, lastUsedAt, credentialId, rpId } = passkey;
  return {
    passkeyId: id,
    label,
    createTime: timestampFromDate(createdAt),
    ...(lastUsedAt && { lastUseTime: timestampFromDate(lastUsedAt) }),
    synced: stateOf(passkey).isBackedUp,
    credentialId,
    rpId,
  };
}

const toOptions = (options: WebAuthnJson) => ({ options: options as JsonObject });

/** A credential that was left out proves nothing, as an empty one. */
const credentialIn = ({ credential = {} }: { readonly credential?: JsonObject | undefined }) => ({
  credential,
});

export function passkeyHandlers({ own, signIn }: PasskeyFlows): ServiceImpl<typeof PasskeyService> {
  return {
    startPasskeyRegistration: async (_, context) => toOptions(await own.start(callerOf(context))),

    async finishPasskeyRegistration(request, context) {
      const { label } = request;
      const made = await own.finish(callerOf(context), { ...credentialIn(request), label });
      return { passkey: toPasskey(made.passkey), recoveryCodes: [...made.recoveryCodes] };
    },

    async startPasskeySignIn(request, context) {
      const type = identifierKind(request);
      return toOptions(await signIn.start(callerOf(context), { ...request, type }));
    },

    async finishPasskeySignIn(request, context) {
      const caller = callerOf(context);
      const { remember } = request;
      const result = await signIn.finish(caller, { ...credentialIn(request), remember });
      return { ...toSignIn(result, caller), userId: userIdOf(result) };
    },

    startPasskeyVerification: async (_, context) =>
      toOptions(await signIn.startVerification(callerOf(context))),

    async finishPasskeySecondFactor(request, context) {
      const caller = callerOf(context);
      const { rememberDevice } = request;
      const result = await signIn.finishSecondFactor(caller, { ...credentialIn(request), rememberDevice });
      return toSecondStep(result, caller.tenant.policy);
    },

    async finishPasskeyStepUp(request, context) {
      return { tokens: toTokens(await signIn.finishStepUp(callerOf(context), credentialIn(request))) };
    },

    async listPasskeys(_, context) {
      return { passkeys: (await own.list(callerOf(context))).map(toPasskey) };
    },

    async renamePasskey(request, context) {
      await own.rename(callerOf(context), request);
      return {};
    },

    async removePasskey(request, context) {
      return { passkey: toPasskey(await own.remove(callerOf(context), request)) };
    },

    async removePassword(_, context) {
      await own.removePassword(callerOf(context));
      return {};
    },
  };
}
