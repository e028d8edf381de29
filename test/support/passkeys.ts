import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { PasskeyService } from '../../gen/manam/v1/passkey_service_pb.js';
import { password, type TestApp } from './app.ts';
import {
  type AuthenticatorOptions,
  type Credential,
  makeAuthenticator,
  type SoftwareAuthenticator,
} from './authenticator.ts';
import { bearer, type SignedIn, signUp } from './journey.ts';

/** The origin of the hosted pages of a test. */
export const pageOrigin = 'http://localhost:3000';

/** The configuration whose hosted pages stand there: an address is no relying party. */
export const atSite = { issuer: pageOrigin };

/** The JSON of a credential, as a request carries it. */
export const json = (credential: Credential) => ({ credential: credential as never });

export const passkeysOf = (test: TestApp, user?: Pick<SignedIn, 'accessToken'>) =>
  user === undefined ? test.client(PasskeyService) : test.client(PasskeyService, bearer(user.accessToken));

export type Holder = SignedIn & {
  readonly authenticator: SoftwareAuthenticator;
  readonly passkeyId: string;
  readonly recoveryCodes: readonly string[];
};

/** Gives a signed-in user a passkey. */
export async function addPasskey(
  test: TestApp,
  user: SignedIn,
  options: Partial<AuthenticatorOptions> = {},
): Promise<Holder> {
  const authenticator = makeAuthenticator({ origin: pageOrigin, ...options });
  const own = passkeysOf(test, user);
  const { options: asked } = await own.startPasskeyRegistration({});
  const made = await own.finishPasskeyRegistration(json(authenticator.create(asked ?? {})));
  const { recoveryCodes, passkey } = made;
  return { ...user, authenticator, recoveryCodes, passkeyId: passkey?.passkeyId ?? '' };
}

/** Registers and signs in a user with a passkey. */
export async function signUpWithPasskey(
  test: TestApp,
  options: Partial<AuthenticatorOptions> = {},
): Promise<Holder> {
  return await addPasskey(test, await signUp(test), options);
}

/** Signs in with a passkey, without an identifier. */
export async function signInWithPasskey(test: TestApp, { authenticator }: Pick<Holder, 'authenticator'>) {
  const anyone = passkeysOf(test);
  const { options } = await anyone.startPasskeySignIn({});
  return await anyone.finishPasskeySignIn(json(authenticator.get(options ?? {})));
}

/** Signs in with the password; what comes of it. */
export const signInWithPassword = (test: TestApp, { email }: Pick<SignedIn, 'email'>) =>
  test.client(AuthService).login({ email, password });
