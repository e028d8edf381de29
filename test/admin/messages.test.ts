import { beforeAll, expect, test } from 'vitest';
import { FindingState, MessageState } from '../../gen/manam/admin/v1/admin_service_pb.js';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { type Admin, connectAdmin, makeTenant } from '../support/admin.ts';
import { freshEmail, password, startTestApp, useTestApp } from '../support/app.ts';
import { failure, failureOf } from '../support/errors.ts';
import { freshMobile, register } from '../support/journey.ts';
import { refusal, smtpTo, startSmtpServer } from '../support/smtp-server.ts';

const local = { host: '127.0.0.1', port: 0 };
const testApp = useTestApp({ config: { admin: local } });
let admin: Admin;
beforeAll(async () => {
  admin = await connectAdmin(testApp());
});

/** Waits until something holds; fails where it never does. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let count = 0; count < 200; count += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it never came');
}

test('lists messages by state and tenant, without text and recipient', async () => {
  const { publishable } = await makeTenant(admin, 'listed');
  const emails = [freshEmail(), freshEmail(), freshEmail()];
  for (const email of emails) await register(testApp(), email, { apieco_key: publishable.text });
  const seen = [];
  let pageToken = '';
  do {
    const page = await admin.listMessages({
      tenant: 'listed',
      state: MessageState.QUEUED,
      pageSize: 2,
      pageToken,
    });
    seen.push(...page.messages);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen.map(({ channel, state, attempts }) => [channel, state, attempts])).toEqual(
    emails.map(() => ['email', MessageState.QUEUED, 0]),
  );
  const text = JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  for (const email of emails) expect(text).not.toContain(email);
  expect((await admin.listMessages({ tenant: 'listed', state: MessageState.SENT })).messages).toEqual([]);

  const messageId = seen[0]?.messageId ?? '';
  expect((await admin.dropMessage({ messageId })).message?.state).toBe(MessageState.DROPPED);
  expect(await testApp().messagesTo(emails[0] ?? '')).toEqual([]);
  for (const call of [admin.dropMessage, admin.retryMessage]) {
    expect(await failureOf(call({ messageId }))).toEqual(failure('FailedPrecondition', 'MESSAGE_ENDED'));
    expect(await failureOf(call({ messageId: 'nonsense' }))).toEqual(failure('NotFound', 'NOT_FOUND'));
  }
});

test('sends a registration by SMTP, keeps a refused one until retried, and counts both', async () => {
  let isOpen = false;
  const smtp = await startSmtpServer({
    onRcptTo: ({ address }, _, done) =>
      done(isOpen || !address.startsWith('refused') ? undefined : refusal(550, 'no')),
  });
  const app = await startTestApp({ config: { admin: local, metrics: local, smtp: smtpTo(smtp.port) } });
  const operator = await connectAdmin(app);
  const [email, refused] = [freshEmail(), `refused.${freshEmail()}`];
  await app.client(AuthService).register({ email, password });
  await app
    .client(AuthService, { apieco_key: app.dev.publishable, 'accept-language': 'fa' })
    .register({ email: refused, password });

  const dead = await until(
    async () => (await operator.listMessages({ state: MessageState.DEAD })).messages[0],
  );
  expect(dead).toMatchObject({ error: 'SMTP_550', attempts: 1, channel: 'email' });
  await until(async () => (await operator.listMessages({ state: MessageState.SENT })).messages[0]);
  expect(smtp.received.map(({ envelope }) => envelope.to)).toEqual([[email]]);
  expect(await app.messagesTo(email)).toEqual([]);

  const figures = await (await fetch(`${app.metricsUrl}/metrics`)).text();
  expect(figures).toContain('manam_messages_total{channel="email",tenant="dev",outcome="sent"} 1');
  expect(figures).toContain('manam_messages_total{channel="email",tenant="dev",outcome="dead"} 1');
  expect(figures).toContain('manam_messages_waiting{channel="email",tenant="dev",status="dead"} 1');
  expect((await fetch(`${app.url}/metrics`)).status).toBe(404);

  isOpen = true;
  const { message } = await operator.retryMessage({ messageId: dead.messageId });
  expect(message).toMatchObject({ state: MessageState.QUEUED, attempts: 0 });
  const mail = await until(async () => smtp.received[1]);
  expect(mail.envelope.to).toEqual([refused]);
  expect(mail.parsed.html).toContain('dir="rtl"');
  expect(mail.parsed.messageId).toBe(`<${dead.messageId}@tenant.com>`);
  // The link of the mail confirms the account.
  const cnf = /cnf=([\w-]+)/.exec(mail.parsed.text ?? '')?.[1] ?? '';
  await app.client(AuthService).confirmEmail({ cnf });
  expect((await app.client(AuthService).login({ email: refused, password })).tokens?.tokenType).toBe(
    'Bearer',
  );

  const { findings } = await operator.diagnose({});
  const stateOf = (check: string) => findings.find((finding) => finding.check === check)?.state;
  expect([stateOf('messages.smtp'), stateOf('messages.sms')]).toEqual([
    FindingState.OK,
    FindingState.WARNING,
  ]);
  await app.close();
  await smtp.close();
}, 60_000);

test('an unreachable mail server delays the message but not the call', async () => {
  const app = await startTestApp({ config: { admin: local, smtp: smtpTo(1) } });
  const operator = await connectAdmin(app);
  await app.client(AuthService).register({ email: freshEmail(), password });
  const waiting = await until(async () =>
    (await operator.listMessages({})).messages.find(({ error }) => error !== ''),
  );
  expect(waiting).toMatchObject({ state: MessageState.QUEUED, error: 'ESOCKET', attempts: 1 });
  const { findings } = await operator.diagnose({});
  expect(findings.find(({ check }) => check === 'messages.smtp')).toMatchObject({
    state: FindingState.ERROR,
    detail: 'cannot be used (ESOCKET)',
  });
  await app.close();
}, 60_000);

test('every message can be previewed in both languages', async () => {
  const { emails, sms } = await admin.listTemplates({});
  expect(emails).toContain('confirm-email');
  for (const name of [...emails, ...sms]) {
    for (const locale of ['en', 'fa']) {
      const { channel, text, html, subject, overridden } = await admin.previewTemplate({
        tenant: 'dev',
        name,
        locale,
      });
      const isEmail = channel === 'email';
      expect([isEmail, html !== '', subject !== ''], name).toEqual([emails.includes(name), isEmail, isEmail]);
      expect(text, name).toContain('Dev');
      expect(text, name).not.toMatch(/[{}]/);
      expect(overridden).toBe(false);
    }
  }
  expect(await failureOf(admin.previewTemplate({ tenant: 'dev', name: 'nothing' }))).toEqual(
    failure('NotFound', 'NOT_FOUND'),
  );
  expect(await failureOf(admin.previewTemplate({ tenant: 'dev', name: 'recover', locale: 'de' }))).toEqual(
    failure('InvalidArgument', 'REQUEST_INVALID', { locale: 'FIELD_INVALID' }),
  );
});

test('sends a tenant’s texts instead of the default ones, escaped as well', async () => {
  const templates = {
    'confirm-email': {
      en: { subject: 'Welcome <b>to</b> {tenant}', paragraphs: ['Click & <i>confirm</i>.'], action: 'Go' },
    },
    'confirm-sms': { en: { text: '{code} opens {tenant}' } },
  };
  const { publishable } = await makeTenant(admin, 'worded', {
    templates,
    countries: ['IR'],
    defaultCountry: 'IR',
  });
  const key = { apieco_key: publishable.text };
  const email = freshEmail();
  await register(testApp(), email, key);
  const [mail] = await testApp().messagesTo(email);
  expect(mail).toMatchObject({
    subject: 'Welcome <b>to</b> worded',
    text: expect.stringMatching(/^Click & <i>confirm<\/i>\.\n\nhttp/),
  });
  expect(mail?.html).toContain('>Click &amp; &lt;i&gt;confirm&lt;/i&gt;.</p>');
  expect(mail?.html).toMatch(/<a href="[^"]+cnf=[\w-]+"[^>]*>Go<\/a>/);
  const mobile = freshMobile();
  await testApp().client(AuthService, key).register({ mobile, password, type: 2 });
  const [text] = await testApp().messagesTo(`+98${mobile.slice(1)}`);
  expect(text?.text).toBe(`${text?.code} opens worded`);
  expect((await admin.previewTemplate({ tenant: 'worded', name: 'confirm-sms' })).overridden).toBe(true);
  // The other language keeps the words that come with Manam.
  expect(
    (await admin.previewTemplate({ tenant: 'worded', name: 'confirm-sms', locale: 'fa' })).overridden,
  ).toBe(false);
});
