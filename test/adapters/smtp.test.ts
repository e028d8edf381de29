import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSmtpTransport, type SmtpOptions } from '../../src/adapters/smtp.ts';
import type { Outgoing } from '../../src/domain/delivery.ts';
import { emailTemplates, emailWords, renderEmail } from '../../src/domain/templates/index.ts';
import { defaultBranding, themeOf } from '../../src/domain/theme.ts';
import { thrownBy } from '../support/errors.ts';
import { refusal, smtpTo, startSilentServer, startSmtpServer } from '../support/smtp-server.ts';

const id = '01938c5e-0000-7000-8000-0123456789ab';
const createdAt = new Date('2026-01-02T03:04:05Z');

function outgoing(
  changes: { to?: string; from?: string; tenant?: string; locale?: 'en' | 'fa' } = {},
): Outgoing {
  const { to = 'sara@example.com', from = 'info@tenant.com', tenant = 'Acme', locale = 'en' } = changes;
  const variables = { tenant, link: 'https://tenant.com/confirm?cnf=abc', code: 'abc' };
  const message = renderEmail(
    emailTemplates['confirm-email'][locale],
    locale,
    { to, from },
    variables,
    themeOf(defaultBranding),
  );
  return { id, message, tenantName: tenant, logo: '', mayBeDuplicate: false, createdAt };
}

const { signal } = new AbortController();

function transportTo(port: number, changes: Partial<SmtpOptions> = {}) {
  return createSmtpTransport({ ...smtpTo(port), ...changes });
}

async function failure(port: number, changes?: Partial<SmtpOptions>, message = outgoing()) {
  const transport = transportTo(port, changes);
  const error = await thrownBy(transport.send(message, signal));
  transport.close();
  return error;
}

test('an e-mail goes over the wire whole: one recipient, text and page, and marked as automatic', async () => {
  const server = await startSmtpServer();
  const transport = transportTo(server.port);
  await transport.send(outgoing(), signal);
  transport.close();
  const [mail] = server.received;
  expect(mail?.envelope).toEqual({ from: 'info@tenant.com', to: ['sara@example.com'] });
  const { parsed, raw } = mail ?? { raw: '' };
  expect(parsed?.from?.value).toEqual([{ address: 'info@tenant.com', name: 'Acme' }]);
  expect(parsed?.messageId).toBe(`<${id}@tenant.com>`);
  expect(parsed?.date).toEqual(createdAt);
  expect(parsed?.subject).toBe('Confirm your e-mail address for Acme');
  expect(parsed?.text).toContain('https://tenant.com/confirm?cnf=abc');
  expect(parsed?.html).toContain('href="https://tenant.com/confirm?cnf=abc"');
  expect(raw).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  expect(raw).toMatch(/^Content-Type: multipart\/alternative/m);
  expect(raw).not.toMatch(/^X-Mailer|^Received|^Bcc|^Cc/im);
  await server.close();
});

test('the logo of the tenant comes with the mail, and without one there is no image', async () => {
  const server = await startSmtpServer();
  const transport = transportTo(server.port);
  const logo = 'data:image/png;base64,iVBORw0KGgo=';
  const theme = themeOf({ ...defaultBranding, logo });
  const words = emailWords({}, 'confirm-email', 'en');
  const variables = { tenant: 'Acme', link: 'https://tenant.com/confirm?cnf=abc', code: '' };
  const mail = outgoing();
  const { from, to } = mail.message;
  const message = renderEmail(words, 'en', { to, from }, variables, theme);
  await transport.send({ ...mail, message, logo }, signal);
  // The tenant has taken it out of its policy since.
  await transport.send({ ...mail, message, logo: '' }, signal);
  transport.close();
  const [withImage, without] = server.received;
  expect(withImage?.parsed?.html).toContain('<img src="data:image/png;base64,iVBORw0KGgo="');
  expect(withImage?.raw).toMatch(/^Content-I[dD]: <logo>\r$/m);
  expect(without?.parsed?.html).not.toContain('<img');
  await server.close();
});

test('a Persian e-mail reads from right to left', async () => {
  const server = await startSmtpServer();
  const transport = transportTo(server.port);
  await transport.send(outgoing({ locale: 'fa', tenant: 'فروشگاه' }), signal);
  transport.close();
  const parsed = server.received[0]?.parsed;
  expect(parsed?.subject).toBe('تأیید نشانی ایمیل شما برای فروشگاه');
  expect(parsed?.from?.value[0]?.name).toBe('فروشگاه');
  expect(parsed?.html).toContain('<html lang="fa" dir="rtl">');
  expect(server.received[0]?.raw).toMatch(/^Content-Language: fa\r$/m);
  await server.close();
});

const hostile = [
  'a@v.test\r\nBcc: evil@e.test',
  '"x@evil.test, y"@v.test',
  'a@v.test, b@evil.test',
  'a＠v.test',
  'Group: a@v.test, b@v.test;',
  'a@v.test\u0000',
  '',
];
for (const to of hostile) {
  test(`the recipient ${JSON.stringify(to)} is rejected before any server hears of it`, async () => {
    const server = await startSmtpServer();
    const expected = { fault: 'permanent', code: 'ADDRESS_INVALID' };
    expect(await failure(server.port, {}, outgoing({ to }))).toMatchObject(expected);
    expect(await failure(server.port, {}, outgoing({ from: to }))).toMatchObject(expected);
    expect(server.received).toEqual([]);
    await server.close();
  });
}

test('no tenant name breaks a header', async () => {
  const server = await startSmtpServer();
  const transport = transportTo(server.port);
  const name = 'Acme\r\nBcc: evil@e.test" <evil@e.test>';
  await transport.send(outgoing({ tenant: name }), signal);
  transport.close();
  const [mail] = server.received;
  expect(mail?.envelope.to).toEqual(['sara@example.com']);
  expect(mail?.parsed.bcc).toBeUndefined();
  expect(mail?.raw.split('\r\n\r\n', 1)[0]).not.toMatch(/^Bcc:/im);
  expect(mail?.parsed.from?.value[0]?.address).toBe('info@tenant.com');
  await server.close();
});

const faults: [
  what: string,
  options: Parameters<typeof startSmtpServer>[0],
  expected: { fault: string; code: string },
][] = [
  [
    'a recipient that is refused for good',
    { onRcptTo: (_, __, done) => done(refusal(550, 'no such user')) },
    { fault: 'permanent', code: 'SMTP_550' },
  ],
  [
    'a recipient that is refused for now',
    { onRcptTo: (_, __, done) => done(refusal(451, 'greylisted')) },
    { fault: 'temporary', code: 'SMTP_451' },
  ],
  [
    'a sender that is refused',
    { onMailFrom: (_, __, done) => done(refusal(553, 'not yours')) },
    { fault: 'permanent', code: 'SMTP_553' },
  ],
  [
    'a text that is refused',
    {
      onData: (stream, _, done) => {
        stream.resume();
        stream.on('end', () => done(refusal(554, 'spam')));
      },
    },
    { fault: 'permanent', code: 'SMTP_554' },
  ],
  [
    'a server that is closing',
    { onConnect: (_, done) => done(refusal(421, 'closing')) },
    { fault: 'temporary', code: 'SMTP_421' },
  ],
  [
    'a server that turns everybody away',
    { onConnect: (_, done) => done(refusal(554, 'go away')) },
    { fault: 'temporary', code: 'SMTP_554' },
  ],
];
for (const [what, options, expected] of faults) {
  test(`${what} is a ${expected.fault} failure`, async () => {
    const server = await startSmtpServer(options);
    expect(await failure(server.port)).toMatchObject(expected);
    await server.close();
  });
}

test('a server that is not there, one without TLS where it is demanded, and a wrong password are temporary failures', async () => {
  expect(await failure(1)).toMatchObject({ fault: 'temporary', code: 'ESOCKET' });
  const plain = await startSmtpServer();
  expect(await failure(plain.port, { requireTls: true })).toMatchObject({ fault: 'temporary' });
  expect(await failure(plain.port, { secure: true })).toMatchObject({ fault: 'temporary' });
  expect(plain.received).toEqual([]);
  await plain.close();
  const strict = await startSmtpServer({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (_, __, done) => done(refusal(535, 'wrong')),
  });
  const auth = { user: 'manam', pass: 'wrong' };
  expect(await failure(strict.port, { auth })).toMatchObject({ fault: 'temporary', code: 'SMTP_535' });
  await strict.close();
});

test('an untrusted certificate is a temporary failure, without a fallback to cleartext', async () => {
  const server = await startSmtpServer({ disabledCommands: [] });
  expect(await failure(server.port)).toMatchObject({ fault: 'temporary', code: 'ESOCKET' });
  expect(server.received).toEqual([]);
  await server.close();
});

test('gives up on a server that stops responding, before its greeting or after DATA', async () => {
  const expected = { fault: 'temporary', code: 'ETIMEDOUT' };
  const silent = await startSilentServer();
  expect(await failure(silent.port, { silenceMs: 500 })).toMatchObject(expected);
  silent.close();
  const mute = await startSmtpServer({ onData: (stream) => stream.resume() });
  expect(await failure(mute.port, { silenceMs: 500 })).toMatchObject(expected);
  await mute.close();
});

test('an attempt that is given up ends on the wire, and a missing credential is no verdict on the message', async () => {
  const slow = await startSmtpServer({ onData: (stream) => stream.resume() });
  const transport = transportTo(slow.port);
  const giveUp = AbortSignal.timeout(300);
  const started = performance.now();
  await thrownBy(transport.send(outgoing(), giveUp));
  expect(performance.now() - started).toBeLessThan(5000);
  transport.close();
  await slow.close();
  const strict = await startSmtpServer({ onMailFrom: (_, __, done) => done(refusal(530, 'sign in')) });
  expect(await failure(strict.port)).toMatchObject({ fault: 'temporary', code: 'SMTP_530' });
  await strict.close();
});

test('with a key of its domain the e-mail is signed', async () => {
  const server = await startSmtpServer();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const transport = transportTo(server.port, {
    dkim: { domain: 'tenant.com', selector: 'manam', privateKey: pem },
  });
  await transport.send(outgoing(), signal);
  transport.close();
  const [mail] = server.received;
  const signature = (mail?.raw ?? '').replace(/\r\n[ \t]+/g, ' ');
  expect(signature).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256; .*d=tenant\.com; .*s=manam;/m);
  await server.close();
});
