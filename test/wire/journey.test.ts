import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer } from '../support/journey.ts';
import { protocols } from '../support/protocols.ts';

const testApp = useTestApp();

for (const { name, connect } of protocols) {
  test(`a user registers, confirms, signs in and sees themselves over ${name}`, async () => {
    const { url, dev, messagesTo } = testApp();
    const auth = connect(AuthService, url, { apieco_key: dev.publishable });
    const email = freshEmail();

    const registered = await auth.register({ email, password, firstName: 'Sara', birthday: '1370-01-03' });
    expect(registered.account).toMatchObject({ type: IdentifierType.EMAIL, email, firstName: 'Sara' });
    expect(registered.tokens?.accessToken).toBe('');
    expect(await failureOf(auth.login({ email, password }))).toEqual(
      failure('Unauthenticated', 'CREDENTIALS_INVALID'),
    );

    const [message] = await messagesTo(email);
    await auth.confirmEmail({ cnf: message?.code ?? '' });
    const { tokens, userId, account } = await auth.login({ email, password });
    expect(account).toMatchObject({ email, firstName: 'Sara', birthday: '1370-01-03' });
    expect(tokens).toMatchObject({ tokenType: 'Bearer', expiresIn: 600 });

    const profile = connect(ProfileService, url, bearer(tokens?.accessToken ?? ''));
    const { user } = await profile.viewUser({});
    expect(user).toMatchObject({ userId, email, emailConfirmed: true, firstName: 'Sara' });
    const { sessions } = await connect(AuthService, url, bearer(tokens?.accessToken ?? '')).listSessions({});
    expect(sessions).toMatchObject([{ address: '127.0.0.1', current: true }]);
  });

  test(`every failure carries its code, reason and fields over ${name}`, async () => {
    const { url, dev } = testApp();
    const auth = connect(AuthService, url, { apieco_key: dev.publishable });

    expect(
      await failureOf(auth.register({ email: 'no address', password: 'short', firstName: '<b>' })),
    ).toEqual(
      failure('InvalidArgument', 'REQUEST_INVALID', {
        email: 'EMAIL_INVALID',
        password: 'PASSWORD_TOO_SHORT',
        first_name: 'NAME_INVALID',
      }),
    );
    expect(await failureOf(auth.confirmEmail({ cnf: 'wrong' }))).toEqual(
      failure('Unauthenticated', 'CONFIRMATION_INVALID'),
    );
    expect(await failureOf(auth.startGoogleLogin({ redirectUri: 'https://evil.com' }))).toEqual(
      failure('InvalidArgument', 'REQUEST_INVALID', {
        redirect_uri: 'URL_NOT_REGISTERED',
        code_challenge: 'CODE_CHALLENGE_INVALID',
      }),
    );
    expect(await failureOf(connect(AuthService, url, {}).login({}))).toEqual(
      failure('Unauthenticated', 'KEY_MISSING'),
    );
    expect(await failureOf(connect(AuthService, url, { apieco_key: 'manam_pk_x' }).login({}))).toEqual(
      failure('Unauthenticated', 'KEY_INVALID'),
    );
  });
}
