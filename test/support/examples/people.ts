import { generateSync } from 'otplib';
import { AuthService } from '../../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../../gen/manam/v1/profile_service_pb.js';
import { ProviderService } from '../../../gen/manam/v1/provider_service_pb.js';
import { RecoveryService } from '../../../gen/manam/v1/recovery_service_pb.js';
import { TwoFactorService } from '../../../gen/manam/v1/two_factor_service_pb.js';
import { IdentifierType } from '../../../gen/manam/v1/user_pb.js';
import { hourMs } from '../../../src/domain/duration.ts';
import { codeChallenge, email, made, recoveryCode, redirectUri } from '../../../tools/contract/examples.ts';
import { freshEmail, password } from '../app.ts';
import { makeAuthenticator } from '../authenticator.ts';
import { freshGoogleUser } from '../federation.ts';
import { bearer, freshMobile, register, signUp } from '../journey.ts';
import { authorize, requestOf, signInTo } from '../openid.ts';
import { addPasskey, passkeysOf } from '../passkeys.ts';
import { clientOf, link } from '../providers.ts';
import type { Actors, Prepared } from './actors.ts';

/** What the calls of users need. */
export function preparePeople(actors: Actors): Readonly<Record<string, () => Promise<Prepared>>> {
  const {
    keyed,
    anyone,
    newestTo,
    international,
    someone,
    enrolled,
    pendingOf,
    withNumber,
    atManam,
    waitingAtManam,
    codeFrom,
    holder,
    anApplication,
    waitingRequest,
    waitingDevice,
    undoable,
    undoableByCode,
    resetting,
    remembered,
    spoken,
    app,
    test,
    origin,
  } = actors;
  return {
    // One whose address is free, and one who waits.
    confirmEmail: async () => {
      const to = freshEmail();
      return { live: { [made.mailToken]: await register(test, to) } };
    },
    confirmSms: async () => {
      const mobile = freshMobile();
      await anyone.register({ type: IdentifierType.MOBILE, mobile, password });
      return { live: { [made.smsCode]: await newestTo(international(mobile)) } };
    },
    login: async () => ({ live: { [email]: (await signUp(test)).email } }),
    finishCodeSignIn: async () => {
      const { email: to } = await signUp(test);
      const { handle } = await anyone.startCodeSignIn({ email: to });
      return { live: { [made.handle]: handle, [made.mailCode]: await newestTo(to) } };
    },
    refreshToken: async () => ({ live: { [made.refreshToken]: (await signUp(test)).refreshToken } }),
    introspectToken: async () => ({ live: { [made.accessToken]: (await signUp(test)).accessToken } }),
    revokeSession: async () => {
      const { user, headers } = await someone();
      await anyone.login({ email: user.email, password });
      const { sessions } = await test.client(AuthService, headers).listSessions({});
      return {
        headers,
        live: { [made.sessionId]: sessions.find(({ current }) => !current)?.sessionId ?? '' },
      };
    },
    sendStepUpCode: async () => {
      const { headers } = await someone();
      return { headers };
    },
    loginWithGoogleToken: async () => {
      const { nonce } = await anyone.startGoogleLogin({ native: true });
      return { live: { [made.idToken]: await app.google.idTokenFor(freshGoogleUser(), 'client-1', nonce) } };
    },
    finishGoogleLink: async () => {
      const { headers } = await someone();
      const started = await test.client(AuthService, headers).startGoogleLink({ redirectUri, codeChallenge });
      return { headers, live: { [made.code]: await codeFrom('google', started.authorizationUrl) } };
    },
    unlinkGoogle: async () => {
      const { user, headers } = await someone();
      await link(app, 'google', user.accessToken, freshGoogleUser());
      return { headers };
    },
    getManamLogin: waitingAtManam,
    approveManamLogin: waitingAtManam,
    redeemLoginCode: async () => {
      const { headers, live } = await waitingAtManam();
      const request = live[made.request] ?? '';
      const { redirectUrl } = await test.client(AuthService, headers).approveManamLogin({ request });
      return { live: { [made.code]: new URL(redirectUrl).searchParams.get('code') ?? '' } };
    },
    loginWithManam: atManam,
    sendTotpEmailVerification: someone,
    confirmTotpEmail: async () => {
      const { user, headers } = await someone();
      await test.client(TwoFactorService, headers).sendTotpEmailVerification({ email: user.email });
      return { headers, live: { [made.mailToken]: await newestTo(user.email) } };
    },
    ...Object.fromEntries(
      ['getTotpSetup', 'setupTotp', 'getTotpQr', 'confirmTotp'].map((call) => [
        call,
        async () => {
          const { user, headers } = await someone();
          const own = test.client(TwoFactorService, headers);
          await own.sendTotpEmailVerification({ email: user.email });
          await own.confirmTotpEmail({ token: await newestTo(user.email) });
          if (call === 'setupTotp') return { headers };
          const { secret } = await own.setupTotp({});
          const epoch = Math.floor(test.now().getTime() / 1000);
          return { headers, live: { [made.totp]: generateSync({ secret, epoch }) } };
        },
      ]),
    ),
    validateTotp: async () => {
      const { user } = await enrolled();
      return { headers: await pendingOf(user), live: { [made.totp]: user.totp() } };
    },
    removeTotp: enrolled,
    sendSmsEmailVerification: someone,
    ...Object.fromEntries(
      ['confirmSmsEmail', 'setupSms', 'confirmSmsFactor'].map((call) => [
        call,
        async () => {
          const { user, headers } = await someone();
          const own = test.client(TwoFactorService, headers);
          await own.sendSmsEmailVerification({ email: user.email });
          const token = await newestTo(user.email);
          const mobile = freshMobile();
          const live = { [made.mailToken]: token, [made.mobile]: mobile };
          if (call !== 'confirmSmsEmail') await own.confirmSmsEmail({ token });
          if (call === 'confirmSmsFactor') await own.setupSms({ phoneNumber: mobile });
          return { headers, live: { ...live, [made.smsCode]: await newestTo(international(mobile)) } };
        },
      ]),
    ),
    sendSmsCode: async () => ({ headers: (await withNumber()).headers }),
    validateSms: async () => {
      const { user, number } = await withNumber();
      const headers = await pendingOf(user);
      await test.client(TwoFactorService, headers).sendSmsCode({});
      return { headers, live: { [made.smsCode]: await newestTo(number) } };
    },
    removeSms: async () => {
      const { headers, recoveryCodes } = await withNumber();
      return { headers, live: { [recoveryCode]: recoveryCodes[0] ?? '' } };
    },
    regenerateRecoveryCodes: async () => ({ headers: (await enrolled()).headers }),
    removeTrustedDevice: async () => {
      const headers = await remembered();
      const { devices } = await test.client(TwoFactorService, headers).listTrustedDevices({});
      return { headers, live: { [made.deviceId]: devices[0]?.deviceId ?? '' } };
    },
    finishPasskeyRegistration: async () => {
      const { user, headers } = await someone();
      const { options } = await passkeysOf(test, user).startPasskeyRegistration({});
      return { headers, live: spoken(makeAuthenticator({ origin }).create(options ?? {})) };
    },
    finishPasskeySignIn: async () => {
      const { held } = await holder();
      const { options } = await passkeysOf(test).startPasskeySignIn({});
      return { live: spoken(held.authenticator.get(options ?? {})) };
    },
    startPasskeyVerification: async () => ({ headers: (await holder()).headers }),
    finishPasskeySecondFactor: async () => {
      const { user } = await enrolled();
      const { authenticator } = await addPasskey(test, user, { origin });
      const headers = await pendingOf(user);
      const accessToken = headers.authorization.slice('Bearer '.length);
      const { options } = await passkeysOf(test, { accessToken }).startPasskeyVerification({});
      return { headers, live: spoken(authenticator.get(options ?? {})) };
    },
    finishPasskeyStepUp: async () => {
      const { user, held, headers } = await holder();
      const { options } = await passkeysOf(test, user).startPasskeyVerification({});
      return { headers, live: spoken(held.authenticator.get(options ?? {})) };
    },
    renamePasskey: holder,
    removePasskey: holder,
    removePassword: async () => {
      return { headers: (await holder()).headers };
    },
    loginWithProviderToken: async () => {
      const provider = 'microsoft';
      const { nonce } = await test.client(ProviderService).startProviderLogin({ provider, native: true });
      const idToken = await app.emulators
        .of(provider)
        .idTokenFor(freshGoogleUser(), clientOf(provider), nonce);
      return { live: { [made.idToken]: idToken } };
    },
    finishProviderLink: async () => {
      const { headers } = await someone();
      const own = test.client(ProviderService, headers);
      const { authorizationUrl } = await own.startProviderLink({
        provider: 'microsoft',
        redirectUri,
        codeChallenge,
      });
      return { headers, live: { [made.code]: await codeFrom('microsoft', authorizationUrl) } };
    },
    unlinkProvider: async () => {
      const { user, headers } = await someone();
      await link(app, 'microsoft', user.accessToken, freshGoogleUser());
      return { headers };
    },
    endRecovery: async () => {
      const { user } = await someone();
      await test.client(RecoveryService).recover({ email: user.email });
      return { live: { [made.mailToken]: await newestTo(user.email) } };
    },
    reportSignIn: async () => {
      const { user } = await someone();
      const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
      await fetch(`${test.url}/auth/login`, {
        method: 'POST',
        headers: { ...keyed, 'content-type': 'application/json', 'user-agent': agent },
        body: JSON.stringify({ email: user.email, password }),
      });
      return { live: { [made.mailToken]: await newestTo(user.email, '/report?token=') } };
    },
    freezeAccount: undoable,
    undoChanges: undoable,
    startUndo: async () => ({ live: (await undoableByCode()).live }),
    cancelUndo: async () => {
      const { headers, reject } = await undoableByCode();
      await reject();
      return { headers };
    },
    rejectUndo: async () => ({ live: { [made.mailToken]: await (await undoableByCode()).reject() } }),
    startFactorReset: async () => ({ headers: (await resetting()).headers }),
    finishFactorReset: async () => {
      const { user, start } = await resetting();
      await start();
      test.advance(72 * hourMs);
      return { headers: await pendingOf(user) };
    },
    cancelFactorReset: async () => {
      const { user, start } = await resetting();
      await start();
      return { headers: bearer(user.accessToken) };
    },
    rejectFactorReset: async () => {
      const { user, start } = await resetting();
      await start();
      return { live: { [made.mailToken]: await newestTo(user.email, '/cancel-reset?token=') } };
    },
    viewUser: someone,
    confirmEmailChange: async () => {
      const { headers } = await someone();
      const to = freshEmail();
      await test.client(ProfileService, headers).startEmailChange({ email: to });
      return { headers, live: { [made.mailToken]: await newestTo(to) } };
    },
    confirmMobileChange: async () => {
      const { headers } = await someone();
      const mobile = freshMobile();
      await test.client(ProfileService, headers).startMobileChange({ mobile });
      return { headers, live: { [made.smsCode]: await newestTo(international(mobile)) } };
    },
    acceptTerms: async () => {
      return { headers: (await someone()).headers };
    },
    removeIdentifier: async () => {
      const { headers } = await someone();
      const own = test.client(ProfileService, headers);
      const mobile = freshMobile();
      await own.startMobileChange({ mobile });
      await own.confirmMobileChange({ code: await newestTo(international(mobile)) });
      return { headers };
    },
    getManamUserInfo: async () => {
      const { user, headers } = await atManam();
      return { headers, live: { [email]: user.email } };
    },
    describeAuthorization: async () => ({ ...(await waitingRequest()), headers: keyed }),
    continueAuthorization: waitingRequest,
    refuseAuthorization: waitingRequest,
    describeDevice: waitingDevice,
    decideDevice: waitingDevice,
    describeSignOut: async () => {
      const { application } = await anApplication({ postLogoutRedirectUris: ['https://app.example/bye'] });
      const { tokens } = await signInTo(test, application, { scope: 'openid' });
      const query = new URLSearchParams({ id_token_hint: tokens['id_token'] ?? '' });
      const { headers } = await fetch(`${test.url}/t/dev/oauth/end_session?${query}`, { redirect: 'manual' });
      const place = new URL(headers.get('location') ?? '', test.url);
      return { live: { [made.request]: place.searchParams.get('request') ?? '' } };
    },
    disconnectApplication: async () => {
      const { application, live } = await anApplication({ firstParty: false });
      const { user } = await someone();
      await authorize(test, user, requestOf(application));
      return { headers: bearer(user.accessToken), live };
    },
  };
}
