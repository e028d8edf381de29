import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { withBreaker } from '../../src/adapters/sms/breaker.ts';
import { createKavenegarGateway } from '../../src/adapters/sms/kavenegar.ts';
import { createTwilioGateway } from '../../src/adapters/sms/twilio.ts';
import { createWebhookGateway } from '../../src/adapters/sms/webhook.ts';
import { DeliveryError, type Outgoing } from '../../src/domain/delivery.ts';
import { renderSms, smsTemplates } from '../../src/domain/templates/index.ts';
import { thrownBy } from '../support/errors.ts';
import { type Script, startGateway } from '../support/gateway.ts';

const id = '01938c5e-0000-7000-8000-0123456789ab';
const createdAt = new Date('2026-01-02T03:04:05Z');
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const message = renderSms(smsTemplates['confirm-sms'].en, 'en', '+989171929716', {
  tenant: 'Acme',
  link: '',
  code: 'ABCD1234',
});

const { signal } = new AbortController();

function outgoing(mayBeDuplicate = false): Outgoing {
  return { id, message, tenantName: 'Acme', logo: '', mayBeDuplicate, createdAt };
}

const gateways = {
  webhook: (url: string) => createWebhookGateway({ url: `${url}/sms`, secret, from: 'Manam' }),
  twilio: (url: string) => createTwilioGateway({ url, accountSid: 'AC1', authToken: 't', from: '+15550000' }),
  kavenegar: (url: string) => createKavenegarGateway({ url, apiKey: 'key', from: '10004346' }),
};
/** The response of each gateway to an accepted message. */
const yes = {
  webhook: '',
  twilio: JSON.stringify({ sid: 'SM1', status: 'queued' }),
  kavenegar: JSON.stringify({ return: { status: 200 }, entries: [{ messageid: 1, status: 1 }] }),
};
const names = Object.keys(gateways) as (keyof typeof gateways)[];

async function attempt(name: keyof typeof gateways, script: Script, sending = outgoing()) {
  const server = await startGateway(script);
  const error = await gateways[name](server.url)
    .send(sending, signal)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  await server.close();
  return { error, calls: server.calls };
}

test('the webhook gets one signed JSON document with the id of the message', async () => {
  const { error, calls } = await attempt('webhook', () => ({ status: 202, body: yes.webhook }));
  expect(error).toBeUndefined();
  const [call] = calls;
  expect(call).toMatchObject({ method: 'POST', path: '/sms', headers: { 'webhook-id': id } });
  const headers = call?.headers as Record<string, string>;
  expect(new Webhook(secret).verify(call?.body ?? '', headers)).toEqual({
    id,
    to: '+989171929716',
    from: 'Manam',
    text: message.text,
    locale: 'en',
    created_at: '2026-01-02T03:04:05.000Z',
  });
  const forged = { ...headers, 'webhook-signature': 'v1,AAAA' };
  expect(() => new Webhook(secret).verify(call?.body ?? '', forged)).toThrowError();
});

test('Twilio gets number, sender and text as its API asks for', async () => {
  const { error, calls } = await attempt('twilio', () => ({ status: 201, body: yes.twilio }));
  expect(error).toBeUndefined();
  expect(calls).toMatchObject([{ method: 'POST', path: '/2010-04-01/Accounts/AC1/Messages.json' }]);
  expect(calls[0]?.headers.authorization).toBe(`Basic ${Buffer.from('AC1:t').toString('base64')}`);
  expect(Object.fromEntries(new URLSearchParams(calls[0]?.body))).toEqual({
    From: '+15550000',
    To: '+989171929716',
    Body: message.text,
  });
});

test('Kavenegar gets receptor, line, text and an id of this service', async () => {
  const { error, calls } = await attempt('kavenegar', () => ({ status: 200, body: yes.kavenegar }));
  expect(error).toBeUndefined();
  expect(calls).toMatchObject([{ method: 'POST', path: '/v1/key/sms/send.json' }]);
  expect(Object.fromEntries(new URLSearchParams(calls[0]?.body))).toEqual({
    receptor: '00989171929716',
    message: message.text,
    localid: String(0x0123456789ab),
    sender: '10004346',
  });
});

for (const name of names) {
  test(`${name}: 500, 429 and a page in place of an answer pass, and the message is tried again`, async () => {
    for (const [status, body] of [
      [500, '{}'],
      [429, '{}'],
      [503, '<html>'],
      [401, ''],
    ] as const) {
      const { error } = await attempt(name, () => ({ status, body }));
      expect(error, String(status)).toMatchObject({ fault: 'temporary', code: `SMS_HTTP_${status}` });
    }
  });

  test(`${name}: a gateway that is not there or hangs is a temporary failure`, async () => {
    const gone = await thrownBy(gateways[name]('http://127.0.0.1:1').send(outgoing(), signal));
    expect(gone).toMatchObject({ fault: 'temporary', code: 'SMS_UNREACHABLE' });
  });
}

test('a time-out after the gateway took the message ends in one SMS', async () => {
  // Twilio and Kavenegar hang at the first attempt, having taken it, and say so when they are asked.
  const scripts: Record<'twilio' | 'kavenegar', Script> = {
    twilio: ({ method }) =>
      method === 'POST'
        ? 'hang'
        : { status: 200, body: JSON.stringify({ messages: [{ body: message.text, status: 'sent' }] }) },
    kavenegar: ({ path }) =>
      path.includes('statuslocalmessageid')
        ? { status: 200, body: JSON.stringify({ return: { status: 200 }, entries: [{ status: 4 }] }) }
        : 'hang',
  };
  const resends = (['twilio', 'kavenegar'] as const).map(async (name) => {
    const server = await startGateway(scripts[name]);
    const gateway = gateways[name](server.url);
    expect(await thrownBy(gateway.send(outgoing(), signal))).toMatchObject({
      fault: 'temporary',
      code: 'SMS_TIMEOUT',
    });
    await gateway.send(outgoing(true), signal);
    const sends = server.calls.filter(({ path, method }) => method === 'POST' && !path.includes('status'));
    expect(sends, name).toHaveLength(1);
    await server.close();
  });
  const webhook = async () => {
    // The webhook's receiver sees the same id at every attempt.
    const ids: unknown[] = [];
    const server = await startGateway(({ headers }, index) => {
      ids.push(headers['webhook-id']);
      return index === 0 ? 'hang' : { status: 204, body: '' };
    });
    const gateway = gateways.webhook(server.url);
    await thrownBy(gateway.send(outgoing(), signal));
    await gateway.send(outgoing(true), signal);
    expect(ids).toEqual([id, id]);
    await server.close();
  };
  await Promise.all([...resends, webhook()]);
}, 40_000);

test('a message that never left is sent by the next attempt, and an answer that no one can read is asked about', async () => {
  const twilio = await attempt(
    'twilio',
    ({ method }) =>
      method === 'GET'
        ? { status: 200, body: JSON.stringify({ messages: [{ body: message.text, status: 'failed' }] }) }
        : { status: 201, body: yes.twilio },
    outgoing(true),
  );
  expect(twilio.error).toBeUndefined();
  expect(twilio.calls.map(({ method }) => method)).toEqual(['GET', 'POST']);
  const kavenegar = await attempt(
    'kavenegar',
    ({ path }) =>
      path.includes('status')
        ? { status: 200, body: JSON.stringify({ entries: [{ status: 100 }] }) }
        : { status: 200, body: yes.kavenegar },
    outgoing(true),
  );
  expect(kavenegar.error).toBeUndefined();
  expect(kavenegar.calls).toHaveLength(2);
  for (const name of ['twilio', 'kavenegar'] as const) {
    const first = await attempt(name, () => ({ status: 200, body: '<html>' }));
    expect(first.error).toMatchObject({ fault: 'temporary', code: 'SMS_UNKNOWN' });
    // Without a status from the gateway, nothing is sent twice.
    const second = await attempt(name, () => ({ status: 200, body: '<html>' }), outgoing(true));
    expect(second.error).toMatchObject({ fault: 'temporary', code: 'SMS_UNKNOWN' });
    expect(second.calls).toHaveLength(1);
  }
});

test('a number that cannot be reached is a permanent failure', async () => {
  const twilio = await attempt('twilio', () => ({ status: 400, body: JSON.stringify({ code: 21_211 }) }));
  expect(twilio.error).toMatchObject({ fault: 'permanent', code: 'TWILIO_21211' });
  const kavenegar = await attempt('kavenegar', () => ({
    status: 411,
    body: JSON.stringify({ return: { status: 411 } }),
  }));
  expect(kavenegar.error).toMatchObject({ fault: 'permanent', code: 'KAVENEGAR_411' });
  const credit = await attempt('kavenegar', () => ({
    status: 418,
    body: JSON.stringify({ return: { status: 418 } }),
  }));
  expect(credit.error).toMatchObject({ fault: 'temporary', code: 'KAVENEGAR_418' });
  const webhook = await attempt('webhook', () => ({ status: 422, body: '{}' }));
  expect(webhook.error).toMatchObject({ fault: 'permanent', code: 'SMS_HTTP_422' });
});

test('pauses a failing gateway, and rejected messages do not count', async () => {
  let calls = 0;
  let fault: 'temporary' | 'permanent' = 'permanent';
  const gateway = withBreaker({
    send: async () => {
      calls += 1;
      throw new DeliveryError(fault, 'X');
    },
    probe: async () => {},
    close: () => {},
  });
  for (let count = 0; count < 10; count += 1) await thrownBy(gateway.send(outgoing(), signal));
  expect(calls).toBe(10);
  fault = 'temporary';
  const seen = [];
  for (let count = 0; count < 8; count += 1)
    seen.push(((await thrownBy(gateway.send(outgoing(), signal))) as DeliveryError).fault);
  expect(seen).toEqual([...Array(5).fill('temporary'), ...Array(3).fill('busy')]);
  expect(calls).toBe(15);
});
