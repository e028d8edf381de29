import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { freshEmail, password as hers, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { bearer, freshMobile, signUp } from '../support/journey.ts';

// R71: what is unproved owns nothing. A stranger who registers another person's
// address gets nothing by it, blocks nothing by it, and leaves nothing in it.

const testApp = useTestApp();
const his = 'stranger-lantern-58';
const invalid = failure('Unauthenticated', 'CREDENTIALS_INVALID');

const auth = () => testApp().client(AuthService);
const recovery = () => testApp().client(RecoveryService);
const newest = async (to: string) => (await testApp().messagesTo(to))[0]?.code ?? '';

/** The ways to claim an identifier, and to prove it. */
const kinds = {
  email: () => {
    const email = freshEmail();
    return {
      address: email,
      register: (password: string, firstName = '') => auth().register({ email, password, firstName }),
      confirm: (cnf: string) => auth().confirmEmail({ cnf }),
      login: (password: string) => auth().login({ email, password }),
      setPassword: async (password: string) =>
        recovery().endRecovery({ token: await newest(email), password }),
    };
  },
  mobile: () => {
    const mobile = freshMobile();
    const address = `+98${mobile.slice(1)}`;
    return {
      address,
      register: (password: string, firstName = '') =>
        auth().register({ type: IdentifierType.MOBILE, mobile, password, firstName }),
      confirm: (cnf: string) => auth().confirmSms({ cnf }),
      login: (password: string) => auth().login({ type: IdentifierType.MOBILE, mobile, password }),
      setPassword: async (password: string) =>
        recovery().endRecovery({ mobile, token: await newest(address), password }),
    };
  },
};

for (const [kind, make] of Object.entries(kinds)) {
  for (const order of ['owner first', 'stranger first'] as const) {
    test(`two parties register one ${kind}, the ${order}: neither password opens the account, and its owner sets one`, async () => {
      const account = make();
      const [first, second] = order === 'owner first' ? [hers, his] : [his, hers];
      await account.register(first, 'First');
      const firstProof = await newest(account.address);
      await account.register(second, 'Second');
      for (const proof of [firstProof, await newest(account.address)]) {
        const { passwordRequired } = await account.confirm(proof);
        if (proof === firstProof) expect(passwordRequired).toBe(true);
      }
      for (const password of [hers, his]) expect(await failureOf(account.login(password))).toEqual(invalid);
      await account.setPassword('owner-of-it-all-61');
      const { tokens } = await account.login('owner-of-it-all-61');
      const profile = testApp().client(ProfileService, bearer(tokens?.accessToken ?? ''));
      expect((await profile.viewUser({})).user?.firstName).toBe('');
    });
  }

  test(`of registrations of one ${kind} at the same moment no password survives another`, async () => {
    for (let round = 0; round < 3; round += 1) {
      const account = make();
      const calls = [his, hers, his, hers, his, his, hers, his].map((password) => account.register(password));
      await Promise.all(calls);
      for (const { code } of await testApp().messagesTo(account.address))
        await account.confirm(code ?? '').catch(() => undefined);
      for (const password of [hers, his]) expect(await failureOf(account.login(password))).toEqual(invalid);
    }
  });

  test(`a double click registers one ${kind} with one password, and both messages confirm it`, async () => {
    const account = make();
    await Promise.all([account.register(hers), account.register(hers)]);
    const codes = (await testApp().messagesTo(account.address)).map(({ code }) => code ?? '');
    expect(codes).toHaveLength(2);
    for (const code of codes) expect((await account.confirm(code)).passwordRequired).toBeUndefined();
    await account.login(hers);
  });

  test(`what a back end made of a ${kind} keeps its role and its name, when a stranger registers over it`, async () => {
    const account = make();
    const back = testApp().client(AuthService, { apieco_key: testApp().dev.secret });
    const identifier =
      kind === 'email'
        ? { email: account.address }
        : { type: IdentifierType.MOBILE, mobile: account.address };
    await back.register({ ...identifier, password: hers, role: 'admin', firstName: 'Sara' });
    for (let count = 0; count < 3; count += 1) await account.register(his, 'Stranger');
    await account.confirm(await newest(account.address));
    expect(await failureOf(account.login(his))).toEqual(invalid);
    const { tokens, account: signedIn } = await account.login(hers);
    expect(signedIn?.roles).toEqual(['admin']);
    const profile = testApp().client(ProfileService, bearer(tokens?.accessToken ?? ''));
    expect((await profile.viewUser({})).user?.firstName).toBe('Sara');
  });
}

test('a claim does not keep a signed-in user from an address or a number that she can prove', async () => {
  const user = await signUp(testApp());
  const profile = testApp().client(ProfileService, bearer(user.accessToken));
  const [email, mobile] = [freshEmail(), freshMobile()];
  await auth().register({ email, password: his });
  await auth().register({ type: IdentifierType.MOBILE, mobile, password: his });
  const claim = await newest(email);
  await profile.startEmailChange({ email });
  await profile.confirmEmailChange({ token: await newest(email) });
  await profile.startMobileChange({ mobile });
  await profile.confirmMobileChange({ code: await newest(`+98${mobile.slice(1)}`) });
  await auth().login({ email, password: hers });
  expect(await failureOf(auth().login({ email, password: his }))).toEqual(invalid);
  // The stranger's link proves nothing any more.
  expect(await failureOf(auth().confirmEmail({ cnf: claim }))).toEqual(
    failure('Unauthenticated', 'CONFIRMATION_INVALID'),
  );
  await auth().login({ email, password: hers });
});

test('a confirmation that was used says so again to its holder, for as long as it lives, and proves nothing new', async () => {
  for (const make of [kinds.email, kinds.mobile]) {
    const account = make();
    await account.register(hers);
    const cnf = await newest(account.address);
    await account.confirm(cnf);
    const rows = () => testApp().sql('SELECT confirmed_at FROM users ORDER BY id DESC LIMIT 1');
    const before = await rows();
    const again = await Promise.all([account.confirm(cnf), account.confirm(cnf), account.confirm(cnf)]);
    expect(again.filter(({ passwordRequired }) => passwordRequired)).toEqual([]);
    expect(await rows()).toEqual(before);
  }
});

test('a recovery of an unconfirmed account sends its confirmation', async () => {
  for (const make of [kinds.email, kinds.mobile, kinds.email]) {
    const account = make();
    await account.register(hers);
    const identifier = account.address.includes('@')
      ? { email: account.address }
      : { type: IdentifierType.MOBILE, mobile: account.address };
    await recovery().recover(identifier);
    const messages = await testApp().messagesTo(account.address);
    expect(messages).toHaveLength(2);
    await account.confirm(messages[0]?.code ?? '');
    await account.login(hers);
  }
});
