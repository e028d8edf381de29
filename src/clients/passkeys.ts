import type { FinishPasskeyRegistrationResponse, FinishPasskeySignInResponse } from './contract.ts';
import type { Manam } from './manam.ts';

// A ceremony in one call: the options, the browser's own dialog, and the answer. For browsers with the JSON
// methods of WebAuthn Level 3 (sections 5.1.8 and 5.1.9).

type Json = Readonly<Record<string, unknown>>;
type MadeCredential = { toJSON(): Json };
type Ask = { readonly publicKey: unknown; readonly signal?: AbortSignal; readonly mediation?: 'conditional' };

/** The parts of a browser that ceremonies need. */
type Browser = {
  readonly navigator?: {
    readonly credentials?: {
      create(ask: Ask): Promise<MadeCredential | null>;
      get(ask: Ask): Promise<MadeCredential | null>;
    };
  };
  readonly PublicKeyCredential?: {
    parseCreationOptionsFromJSON?(options: Json): unknown;
    parseRequestOptionsFromJSON?(options: Json): unknown;
    isConditionalMediationAvailable?(): Promise<boolean>;
    signalUnknownCredential?(credential: { rpId: string; credentialId: string }): Promise<void>;
  };
};

const browser = () => globalThis as unknown as Browser;

/** Whether this browser can use passkeys. */
export function hasPasskeys(): boolean {
  const { navigator, PublicKeyCredential: own } = browser();
  return navigator?.credentials !== undefined && own?.parseRequestOptionsFromJSON !== undefined;
}

/** Whether this browser offers passkeys in the autofill of a field with `autocomplete="username webauthn"`. */
export async function hasPasskeyAutofill(): Promise<boolean> {
  return hasPasskeys() && (await browser().PublicKeyCredential?.isConditionalMediationAvailable?.()) === true;
}

/** Thrown where the browser made or found no passkey. A dialog that the person closes throws the browser's own NotAllowedError. */
export class NoPasskeyError extends Error {
  constructor() {
    super('the browser returned no passkey');
    this.name = 'NoPasskeyError';
  }
}

async function ask(kind: 'create' | 'get', given: Json | undefined, how: Omit<Ask, 'publicKey'> = {}) {
  const { navigator, PublicKeyCredential: own } = browser();
  const parse = kind === 'create' ? own?.parseCreationOptionsFromJSON : own?.parseRequestOptionsFromJSON;
  const publicKey = own && parse?.call(own, given ?? {});
  const credential =
    publicKey === undefined ? null : await navigator?.credentials?.[kind]({ ...how, publicKey });
  if (credential === null || credential === undefined) throw new NoPasskeyError();
  return { credential: credential.toJSON() as never };
}

type Client = Pick<Manam, 'passkeys'>;

/** Makes a passkey for the signed-in user, whose session has to be fresh. */
export async function createPasskey(
  { passkeys }: Client,
  { label = '' }: { readonly label?: string } = {},
): Promise<FinishPasskeyRegistrationResponse> {
  const { options } = await passkeys.startPasskeyRegistration({});
  return await passkeys.finishPasskeyRegistration({ ...(await ask('create', options)), label });
}

export type PasskeySignInOptions = {
  /** Names the account: the browser offers its passkeys alone. Default: any passkey of the device. */
  readonly identifier?: { readonly email: string } | { readonly mobile: string };
  /** Waits for a choice in the autofill of a form instead of opening a dialog. */
  readonly autofill?: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
  /** Whether the user asked to stay signed in; a function is asked once the passkey has been chosen. */
  readonly remember?: boolean | (() => boolean);
};

/** Signs in with a passkey. The answer may ask for a second factor, as that of Login may. */
export async function signInWithPasskey(
  { passkeys }: Client,
  { identifier, autofill = false, signal, remember = false }: PasskeySignInOptions = {},
): Promise<FinishPasskeySignInResponse> {
  const { options } = await passkeys.startPasskeySignIn(identifier ?? {});
  const how = { ...(signal && { signal }), ...(autofill && { mediation: 'conditional' as const }) };
  const credential = await ask('get', options, how);
  return await passkeys.finishPasskeySignIn({
    ...credential,
    remember: typeof remember === 'function' ? remember() : remember,
  });
}

/** Ends a pending sign-in with a passkey; `headers` carry its two-factor token. */
export async function confirmWithPasskey(
  { passkeys }: Client,
  call: { readonly headers: Readonly<Record<string, string>> },
  { rememberDevice = false }: { readonly rememberDevice?: boolean } = {},
): Promise<void> {
  const { options } = await passkeys.startPasskeyVerification({}, call);
  await passkeys.finishPasskeySecondFactor({ ...(await ask('get', options)), rememberDevice }, call);
}

/** Renews the freshness of the session with a passkey. */
export async function stepUpWithPasskey({ passkeys }: Client): Promise<void> {
  const { options } = await passkeys.startPasskeyVerification({});
  await passkeys.finishPasskeyStepUp(await ask('get', options));
}

/** Removes a passkey here, and tells the browser, which then offers it no more where it can. */
export async function removePasskey({ passkeys }: Client, passkeyId: string): Promise<void> {
  const { passkey } = await passkeys.removePasskey({ passkeyId });
  if (passkey === undefined) return;
  const { rpId, credentialId } = passkey;
  await browser()
    .PublicKeyCredential?.signalUnknownCredential?.({ rpId, credentialId })
    .catch(() => {});
}
