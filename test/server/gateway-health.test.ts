import { pino } from 'pino';
import { expect, test } from 'vitest';
import { AuthService } from '../../gen/manam/v1/auth_service_pb.js';
import { ProfileService } from '../../gen/manam/v1/profile_service_pb.js';
import { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import { IdentifierType } from '../../gen/manam/v1/user_pb.js';
import { createGatewayHealth } from '../../src/composition/gateway-health.ts';
import { DeliveryError, type Transport } from '../../src/domain/delivery.ts';
import { password, useTestApp } from '../support/app.ts';
import { failureOf } from '../support/errors.ts';
import { bearer, freshMobile, signUp } from '../support/journey.ts';

function scene() {
  const lines: { level: number; channel?: string; msg: string }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const health = createGatewayHealth(log);
  let outcome: Error | undefined;
  const transport = {
    send: async () => {
      if (outcome !== undefined) throw outcome;
    },
  } as unknown as Transport;
  const watched = health.watch('email', transport);
  const send = async (result?: Error) => {
    outcome = result;
    await watched.send({} as never, new AbortController().signal).catch(() => undefined);
  };
  return { lines, health, send };
}

test('logs one warning when a gateway fails and one when it works again', async () => {
  const { lines, health, send } = scene();
  await send();
  expect(health.failing()).toEqual([]);
  for (const code of ['ECONNREFUSED', 'ETIMEDOUT', 'EDNS']) {
    await send(new DeliveryError('temporary', code));
    expect(health.failing()).toEqual(['email']);
  }
  expect(lines.map(({ level, channel }) => [level, channel])).toEqual([[40, 'email']]);
  await send();
  expect(health.failing()).toEqual([]);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'the gateway for email fails; messages wait and are tried again',
    'the gateway for email is back',
  ]);
});

test('a permanently rejected message does not count as a failing gateway', async () => {
  const { lines, health, send } = scene();
  for (const code of ['550', '553', '21211']) await send(new DeliveryError('permanent', code));
  expect([health.failing(), lines]).toEqual([[], []]);
});

const withoutSms = useTestApp({ config: { production: true } });

test('without an SMS gateway only the calls that need one fail', async () => {
  const test = withoutSms();
  const user = await signUp(test);
  const type = IdentifierType.MOBILE;
  const mobile = freshMobile();
  const profile = test.client(ProfileService, bearer(user.accessToken));
  const calls = [
    () => test.client(AuthService).register({ type, mobile, password }),
    () => test.client(AuthService).sendConfirmSms({ mobile }),
    () => test.client(RecoveryService).recover({ type, mobile }),
    () => profile.startMobileChange({ mobile }),
  ];
  for (const call of calls)
    expect(await failureOf(call())).toMatchObject({ reason: 'CHANNEL_UNAVAILABLE', domain: 'manam' });
});
