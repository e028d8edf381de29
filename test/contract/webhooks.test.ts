import { expect, test } from 'vitest';
import type { Webhook, WebhookDelivery } from '../../src/domain/webhook.ts';
import { overEveryStore, type Scene } from './stores.ts';

overEveryStore('webhooks', (scene) => {
  const webhookOf = ({ tenantId, uuid, now }: Scene, changes: Partial<Webhook> = {}): Webhook => ({
    tenantId,
    id: uuid(),
    url: 'https://app.example.com/hook',
    description: 'ours',
    types: ['user.'],
    secrets: [{ text: 'whsec_AAAA', until: undefined }],
    disabledReason: undefined,
    position: 0,
    failingSince: undefined,
    createdAt: now,
    ...changes,
  });

  const deliveryOf = (
    { tenantId, uuid, now }: Scene,
    webhook: Webhook,
    changes: Partial<WebhookDelivery> = {},
  ): WebhookDelivery => ({
    tenantId,
    id: uuid(),
    webhookId: webhook.id,
    eventId: uuid(),
    type: 'user.registered',
    status: 'pending',
    attempts: 0,
    claims: 0,
    nextAttemptAt: now,
    createdAt: now,
    since: now,
    endedAt: undefined,
    ...changes,
  });

  async function make(own: Scene, changes: Partial<Webhook> = {}): Promise<Webhook> {
    const webhook = webhookOf(own, changes);
    await own.store.webhooks.insert(webhook);
    return webhook;
  }

  test('a webhook is kept whole, changed in part, and deleted', async () => {
    const own = scene();
    const { store, tenantId, at } = own;
    const secrets = [
      { text: 'whsec_BBBB', until: undefined },
      { text: 'whsec_AAAA', until: at(1000) },
    ];
    const webhook = await make(own, { failingSince: at(5) });
    expect(await store.webhooks.find(tenantId, webhook.id)).toEqual(webhook);
    expect(await store.webhooks.find(own.uuid(), webhook.id)).toBeUndefined();
    expect(
      await store.webhooks.update(tenantId, webhook.id, {
        secrets,
        disabledReason: 'GONE',
        failingSince: undefined,
      }),
    ).toBe(true);
    const changed = { ...webhook, secrets, disabledReason: 'GONE', failingSince: undefined };
    const { secrets: _, ...place } = changed;
    expect(await store.webhooks.find(tenantId, webhook.id)).toEqual(changed);
    expect(await store.webhooks.list(tenantId)).toEqual([place]);
    await store.webhooks.update(tenantId, webhook.id, { disabledReason: undefined, types: [] });
    expect(await store.webhooks.find(tenantId, webhook.id)).toMatchObject({
      disabledReason: undefined,
      types: [],
    });
    const delivery = deliveryOf(own, webhook);
    await store.webhooks.addDeliveries([delivery]);
    const attempt = { statusCode: 500, error: '', response: 'no', durationMs: 3, createdAt: at(1) };
    const row = { tenantId, id: own.uuid(), deliveryId: delivery.id, ...attempt };
    await store.webhooks.addAttempt(row);
    expect(await store.webhooks.listAttempts(tenantId, delivery.id)).toEqual([row]);
    expect(await store.webhooks.delete(tenantId, webhook.id)).toBe(true);
    expect(await store.webhooks.delete(tenantId, webhook.id)).toBe(false);
    expect(await store.webhooks.find(tenantId, webhook.id)).toBeUndefined();
  });

  test('those that are behind their log are found, and one of two moves each on', async () => {
    const own = scene();
    const { store, tenantId, now } = own;
    const log = { tenantId, number: 1, logId: own.uuid(), start: 0, size: 7, startedAt: now };
    await store.eventLogs.insert(log);
    const [behind, level, off] = [
      await make(own, { position: 3 }),
      await make(own, { position: 7 }),
      await make(own, { disabledReason: 'MANUAL' }),
    ];
    const found = (await store.webhooks.listBehind(undefined, 1000)).filter(
      ({ webhook }) => webhook.tenantId === tenantId,
    );
    const { secrets: _, ...place } = behind;
    expect(found).toEqual([{ webhook: place, size: 7 }]);
    const later = await store.webhooks.listBehind(behind, 1000);
    expect(later.some(({ webhook }) => webhook.id === behind.id)).toBe(false);
    expect([level.position, off.position]).toEqual([7, 0]);
    expect(await store.webhooks.advance(behind, 7)).toBe(true);
    expect(await store.webhooks.advance(behind, 7)).toBe(false);
    await store.webhooks.rewind(tenantId, 5);
    expect((await store.webhooks.list(tenantId)).map(({ position }) => position)).toEqual([5, 5, 0]);
  });

  test('one instance claims a delivery, and a claim that was lost ends nothing', async () => {
    const own = scene();
    const { store, tenantId, now, at } = own;
    await own.makeUser();
    const [webhook, off] = [await make(own), await make(own, { disabledReason: 'MANUAL' })];
    const delivery = deliveryOf(own, webhook);
    await store.webhooks.addDeliveries([
      delivery,
      deliveryOf(own, off),
      deliveryOf(own, webhook, { nextAttemptAt: at(9) }),
    ]);
    const dueOf = async (time: Date, webhooks: string[] = [], tenants: string[] = []) =>
      (await store.webhooks.listDue(time, { webhooks, tenants }, 1000)).filter(
        (each) => each.tenantId === tenantId,
      );
    expect(await dueOf(now)).toEqual([delivery]);
    expect(await dueOf(now, [webhook.id])).toEqual([]);
    expect(await dueOf(now, [], [tenantId])).toEqual([]);
    await store.tenants.update(tenantId, { status: 'suspended' });
    expect(await dueOf(now)).toEqual([]);
    await store.tenants.update(tenantId, { status: 'active' });
    expect(await store.webhooks.claim(delivery, at(60_000))).toBe(true);
    expect(await store.webhooks.claim(delivery, at(60_000))).toBe(false);
    expect(await dueOf(now)).toEqual([]);
    const [again] = await dueOf(at(60_000)).then((rows) => rows.filter(({ id }) => id === delivery.id));
    expect(await store.webhooks.claim(again ?? delivery, at(120_000))).toBe(true);
    const end = { status: 'delivered', attempts: 1, nextAttemptAt: at(2), endedAt: at(2) } as const;
    expect(await store.webhooks.end(delivery, end)).toBe(false);
    expect(await store.webhooks.end(again ?? delivery, end)).toBe(true);
    expect(await store.webhooks.findDelivery(tenantId, delivery.id)).toEqual({
      ...delivery,
      ...end,
      claims: 2,
    });
    expect(await store.webhooks.retry(tenantId, delivery.id, at(3))).toBe(true);
    const retried = { status: 'pending', attempts: 1, nextAttemptAt: at(3), since: at(3), createdAt: now };
    expect(await store.webhooks.findDelivery(tenantId, delivery.id)).toMatchObject(retried);
  });

  test('deliveries are listed by state and page, counted, and put off', async () => {
    const own = scene();
    const { store, tenantId, now, at } = own;
    const webhook = await make(own);
    const rows = [
      deliveryOf(own, webhook),
      deliveryOf(own, webhook, { status: 'failed', endedAt: now }),
      deliveryOf(own, webhook),
    ] as const;
    await store.webhooks.addDeliveries(rows);
    const query = { tenantId, webhookId: webhook.id, status: undefined, beforeId: undefined };
    expect(await store.webhooks.listDeliveries(query, 2)).toEqual([rows[2], rows[1]]);
    expect(await store.webhooks.listDeliveries({ ...query, status: 'failed' }, 9)).toEqual([rows[1]]);
    expect(await store.webhooks.listDeliveries({ ...query, beforeId: rows[1].id }, 9)).toEqual([rows[0]]);
    expect(await store.webhooks.countPending(webhook)).toBe(2);
    await store.webhooks.postpone(tenantId, webhook.id, at(99));
    expect((await store.webhooks.findDelivery(tenantId, rows[0].id))?.nextAttemptAt).toEqual(at(99));
    expect((await store.webhooks.findDelivery(tenantId, rows[1].id))?.nextAttemptAt).toEqual(now);
  });

  test('the first failure since a success is noted, and failing ones are found', async () => {
    const own = scene();
    const { store, tenantId, at } = own;
    const [failing, gone] = [await make(own), await make(own, { disabledReason: 'GONE' })];
    await make(own);
    await store.webhooks.noteFailure(tenantId, failing.id, at(1));
    await store.webhooks.noteFailure(tenantId, failing.id, at(2));
    const found = (time: Date) =>
      store.webhooks
        .listFailing(time)
        .then((rows) => rows.filter((each) => each.tenantId === tenantId).map(({ id }) => id));
    expect((await store.webhooks.find(tenantId, failing.id))?.failingSince).toEqual(at(1));
    expect(await found(at(2))).toEqual([failing.id, gone.id]);
    expect(await found(at(0))).toEqual([gone.id]);
  });
});
