import { expect, test } from 'vitest';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { WebhookService } from '../../gen/manam/v1/webhook_service_pb.js';
import { freshEmail } from '../support/app.ts';
import { goTo, settled, useConsole, viewings } from '../support/console.ts';
import { signUp } from '../support/journey.ts';
import { makeMember } from '../support/members.ts';
import { heading, type Visitor } from '../support/visitor.ts';

const { app, enter } = useConsole();

/** An owner of a tenant in which there is something on every screen. */
async function furnish() {
  const owner = await makeMember(app(), 'owner');
  const person = await signUp(app());
  const manage = app().client(ManagementService, owner.headers);
  await manage.createApplication({
    settings: { kind: 'spa', name: 'Shop', redirectUris: ['http://localhost:3000/callback'] },
  });
  await app().client(WebhookService, owner.headers).createWebhook({ url: 'https://hooks.example.com/manam' });
  await manage.setConnection({ name: 'google', settings: { kind: 'google', clientId: 'client-1' } });
  await manage.inviteMember({ email: freshEmail(), role: 'support' });
  await manage.addDomain({ domain: 'example.com' });
  return { owner, person };
}

/** Looks at a screen on a desktop and on a phone. */
async function lookAt(who: Visitor, name: string): Promise<void> {
  for (const width of [1280, 390]) {
    await who.page.setViewportSize({ width, height: 900 });
    await who.look(`${name}-at-${width}`);
  }
}

test.each(viewings)('the people of a tenant are shown on a desktop and a phone, $locale', async (viewing) => {
  const { owner, person } = await furnish();
  const who = await enter(viewing, owner.email, '/console/dev/');
  const { page, c, problems } = who;
  await heading(who, c('overview')).waitFor();
  await page.getByText(c('recent')).waitFor();
  await settled(who);
  await lookAt(who, 'overview');
  await goTo(who, 'users');
  await page.getByText(person.email).first().waitFor();
  await lookAt(who, 'users');
  await page.goto(`${app().url}/console/dev/users/${person.userId}`);
  await heading(who, c('history')).waitFor();
  await settled(who);
  await lookAt(who, 'user');
  for (const screen of ['events', 'members'] as const) {
    await goTo(who, screen);
    await settled(who);
    await lookAt(who, screen);
  }
  expect(problems).toEqual([]);
  await who.context.close();
});

test.each(viewings)(
  'the settings of a tenant are shown on a desktop and a phone, $locale',
  async (viewing) => {
    const { owner } = await furnish();
    const who = await enter(viewing, owner.email, '/console/dev/keys');
    const { page, c, problems } = who;
    await heading(who, c('keys')).waitFor();
    for (const screen of [
      'applications',
      'signInWays',
      'branding',
      'messages',
      'keys',
      'settings',
    ] as const) {
      await goTo(who, screen);
      await settled(who);
      await lookAt(who, screen);
    }
    for (const [screen, link, title] of [
      ['applications', 'Shop', 'appConnect'],
      ['signInWays', 'Google', 'providerTell'],
      ['webhooks', 'https://hooks.example.com/manam', 'deliveries'],
    ] as const) {
      await goTo(who, screen);
      await page.getByRole('link', { name: link }).first().click();
      await heading(who, c(title)).waitFor();
      await settled(who);
      await lookAt(who, title);
    }
    expect(problems).toEqual([]);
    await who.context.close();
  },
);
