import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { EventService } from '../../gen/manam/v1/event_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { eventTexts } from '../../src/domain/event-texts.ts';
import { eventCatalogue, isEventType } from '../../src/domain/events.ts';
import { password, useTestApp } from '../support/app.ts';
import { failure, failureOf, thrownBy } from '../support/errors.ts';
import { bearer, type SignedIn, signUp } from '../support/journey.ts';

const testApp = useTestApp();
const auth = (token: string) => testApp().client(AuthService, bearer(token));
const events = (headers: Record<string, string>) => testApp().client(EventService, headers);
const support = () => events({ apieco_key: testApp().dev.secret });

/** A second session of a user, with its id. */
async function another({ email }: SignedIn): Promise<{ token: string; id: string }> {
  const { tokens } = await testApp().client(AuthService).login({ email, password });
  const token = tokens?.accessToken ?? '';
  const { sessions } = await auth(token).listSessions({});
  return { token, id: sessions.find(({ current }) => current)?.sessionId ?? '' };
}

test('everything that users see has words in both languages, and nothing else has', () => {
  const seen = Object.entries(eventCatalogue).filter(([, { audience }]) =>
    (audience as readonly string[]).includes('user'),
  );
  expect(Object.keys(eventTexts).filter(isEventType).sort()).toEqual(seen.map(([type]) => type).sort());
});

test('a user reads the events of their own account, page by page, in their language', async () => {
  const user = await signUp(testApp());
  await signUp(testApp());
  await failureOf(testApp().client(AuthService).login({ email: user.email, password: 'not the password' }));
  const mine = events({ ...bearer(user.accessToken), 'accept-language': 'en' });
  const { events: all, hasMore } = await mine.listMyEvents({});
  expect(hasMore).toBe(false);
  expect(all.map(({ type, text }) => [type, text])).toEqual([
    ['sign_in.failed', expect.stringMatching(/^A sign-in failed\. /)],
    ['session.started', 'You signed in.'],
    ['identifier.confirmed', 'An address or number was confirmed.'],
    ['user.registered', 'You registered.'],
  ]);
  expect(all.map(({ isCurrentSession }) => isCurrentSession)).toEqual([false, true, false, false]);
  const first = await mine.listMyEvents({ limit: 1 });
  expect(first).toMatchObject({ hasMore: true, events: [{ eventId: all[0]?.eventId }] });
  const rest = await mine.listMyEvents({ beforeEventId: first.events[0]?.eventId ?? '' });
  expect(rest.events.map(({ eventId }) => eventId)).toEqual(all.slice(1).map(({ eventId }) => eventId));
  const persian = await events({ ...bearer(user.accessToken), 'accept-language': 'fa' }).listMyEvents({});
  expect(persian.events.at(-1)?.text).toBe('ثبت‌نام کردید.');
  expect(await failureOf(mine.listMyEvents({ beforeEventId: 'x' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { before_event_id: 'FIELD_INVALID' }),
  );
});

test.each([
  ['is active', async () => {}, 'active', 'The session is active.', undefined],
  [
    'was signed out',
    async (_: SignedIn, { token }: { token: string }) => void (await auth(token).logout({})),
    ...(['ended', 'It was signed out on its own device.', 'session.ended'] as const),
  ],
  [
    'was ended from elsewhere',
    async ({ accessToken }: SignedIn, { id }: { id: string }) =>
      void (await auth(accessToken).revokeSession({ sessionId: id })),
    ...(['ended', 'It was signed out from elsewhere.', 'session.ended'] as const),
  ],
  [
    'ended with all others',
    async ({ accessToken }: SignedIn) => void (await auth(accessToken).revokeOtherSessions({})),
    'ended',
    'It ended with all other sessions of the account, because of: Other sessions were signed out.',
    'sessions.ended',
  ],
  [
    'ended by a change of the password',
    async ({ accessToken }: SignedIn) =>
      void (await testApp()
        .client(RecoveryService, bearer(accessToken))
        .changePassword({ currentPassword: password, password: 'another-orbit-lantern-48' })),
    'ended',
    'It ended with all other sessions of the account, because of: Your password was changed.',
    'sessions.ended',
  ],
  [
    'was left to expire',
    async () => testApp().advance(8 * 86_400_000),
    ...(['expired', expect.stringContaining('expired') as unknown as string, undefined] as const),
  ],
] as const)('a session that %s is explained', async (_, end, state, text, cause) => {
  const user = await signUp(testApp());
  const session = await another(user);
  await end(user, session);
  const told = await support().explainSession({ sessionId: session.id });
  expect(told).toMatchObject({ state, text });
  expect(told.cause?.type).toBe(cause);
  expect(told.events[0]).toMatchObject({ type: 'session.started', sessionId: session.id });
});

test('a user asks about their own sessions alone, and a tenant about its own users', async () => {
  const user = await signUp(testApp());
  const session = await another(user);
  await auth(session.token).logout({});
  const own = await events(bearer(user.accessToken)).explainSession({ sessionId: session.id });
  expect(own).toMatchObject({ state: 'ended' });
  const stranger = await signUp(testApp());
  const notFound = failure('NotFound', 'NOT_FOUND');
  for (const headers of [bearer(stranger.accessToken), { apieco_key: testApp().manam.secret }])
    expect(await failureOf(events(headers).explainSession({ sessionId: session.id }))).toEqual(notFound);
  expect(await failureOf(support().explainSession({ sessionId: 'x' }))).toEqual(notFound);
  expect(await failureOf(support().explainSession({}))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { session_id: 'FIELD_REQUIRED' }),
  );
});

test('a call that was refused is explained by its request', async () => {
  const user = await signUp(testApp());
  const refused = await thrownBy(
    testApp().client(AuthService).login({ email: user.email, password: 'not it' }),
  );
  const requestId = String(
    (refused as { details: { debug?: { metadata?: { request_id?: string } } }[] }).details[0]?.debug?.metadata
      ?.request_id,
  );
  const told = await support().explainSession({ userId: user.userId, requestId });
  expect(told).toMatchObject({ state: 'refused', cause: { type: 'sign_in.failed' } });
  expect(told.text).toMatch(/^A sign-in failed\. ./);
  const unknown = await support().explainSession({ userId: user.userId, requestId: 'nothing' });
  expect(unknown).toMatchObject({ state: 'unknown', events: [] });
});
