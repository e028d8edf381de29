import { afterAll, beforeAll, expect, test } from 'vitest';
import { ManagementService } from '../../gen/manam/v1/management_service_pb.js';
import { password, startTestApp, type TestApp } from '../support/app.ts';
import { pictureFolder, useBrowser } from '../support/browser.ts';
import { freePort } from '../support/federation.ts';
import { makeMember, signUpAtManam } from '../support/members.ts';
import { button, heading, signIn, visit } from '../support/visitor.ts';

const folder = pictureFolder('invitation');
const browser = useBrowser();
let test0: TestApp;
beforeAll(async () => {
  const port = await freePort();
  test0 = await startTestApp({ config: { port, issuer: `http://127.0.0.1:${port}` } });
});
afterAll(() => test0.close());

const viewings = [
  { locale: 'en', width: 1280 },
  { locale: 'fa', width: 390 },
] as const;

test.each(viewings)('an invited person signs in and accepts, $locale, $width wide', async (viewing) => {
  const owner = await makeMember(test0, 'owner');
  const invited = await signUpAtManam(test0);
  const client = test0.client(ManagementService, owner.headers);
  await client.inviteMember({ email: invited.email, role: 'developer' });
  const messages = await test0.messagesTo(invited.email);
  const link = messages.find(({ link: each }) => each.includes('/invitation'))?.link ?? '';
  const visitor = await visit(browser(), test0.url, viewing, folder);
  const { page, t, problems, look } = visitor;
  await page.goto(link);
  expect(page.url()).not.toContain('token');
  await signIn(visitor, invited.email, password);
  await heading(visitor, t('invitationTitle')).waitFor();
  await look('ask');
  await button(visitor, t('invitationAccept')).click();
  await page.getByText(t('invitationDone', { tenant: 'Dev' })).waitFor();
  await look('joined');
  const { members } = await client.listMembers({});
  expect(members.map(({ userId, role }) => [userId, role])).toContainEqual([invited.userId, 'developer']);
  expect(problems).toEqual([]);
  await visitor.context.close();
});
