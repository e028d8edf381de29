import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { escapeHtml } from '../domain/html.ts';
import type { OutboxEntry, OutboxRepository } from '../domain/message.ts';
import { withLogo } from '../domain/templates/mail-page.ts';
import type { TenantRepository } from '../domain/tenant.ts';
import { root } from '../root.ts';

/** A captured message as `/dev/messages` shows it. */
type CapturedMessage = {
  readonly id: string;
  readonly channel: 'email' | 'sms';
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly code: string;
  readonly link: string;
  readonly created_at: string;
};

const path = '/dev/messages';
const stylePath = '/dev/messages.css';
const maxMessages = 200;
const ownHosts = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** The look of all pages of this service, and the little that a list of messages adds to it. */
const style = `${readFileSync(new URL('src/pages/theme.css', root), 'utf8')}
body { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem; }
article h2 { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; font-size: .9rem; }
dt { color: var(--faint); } dd { margin: 0; } pre { white-space: pre-wrap; font: inherit; margin: .5rem 0 0; }
iframe { display: block; width: 100%; height: 30rem; border: 1px solid var(--line); border-radius: var(--radius); margin-top: .75rem; }
`;

/** What the list may load: its style, and the mails themselves. */
const listPolicy =
  "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; frame-ancestors 'none'";
/** A mail may have styles and images in place, and runs nothing. */
const mailPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

function toCaptured({ id, message, createdAt }: OutboxEntry): CapturedMessage {
  const { channel, to, subject, text, html, code, link } = message;
  return { id, channel, to, subject, text, html, code, link, created_at: createdAt.toISOString() };
}

function page(messages: readonly CapturedMessage[]): string {
  const articles = messages.map(
    ({
      channel,
      to,
      subject,
      text,
      code,
      link,
      created_at,
      id,
    }) => `<article class="card"><h2 dir="auto">${escapeHtml(subject || channel)}</h2><dl>
<dt>To</dt><dd>${escapeHtml(to)}</dd><dt>At</dt><dd><time datetime="${created_at}">${created_at}</time></dd>
${code === '' ? '' : `<dt>Code</dt><dd><code>${escapeHtml(code)}</code></dd>`}
${link === '' ? '' : `<dt>Link</dt><dd><a href="${escapeHtml(link)}" rel="noreferrer">${escapeHtml(link)}</a></dd>`}
</dl>${
      channel === 'email'
        ? `<iframe src="${path}/${id}" title="${escapeHtml(subject)}" loading="lazy"></iframe><details><summary>As plain text</summary><pre dir="auto">${escapeHtml(text)}</pre></details>`
        : `<pre dir="auto">${escapeHtml(text)}</pre>`
    }</article>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mailbox · Manam</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><link rel="stylesheet" href="${stylePath}"></head>
<body><main><h1>Mailbox</h1><p>Messages of this development server, newest first. None of them leaves this machine.</p>
${articles.join('\n') || '<p>No message yet.</p>'}</main></body></html>`;
}

/** Whether a message went to an address in any letters, or to a number in national form or with its plus read as a space. */
function isTo({ channel, to }: CapturedMessage, wanted: string): boolean {
  if (channel === 'email') return to.toLowerCase() === wanted.trim().toLowerCase();
  const digits = wanted.replace(/\D/g, '').replace(/^0+/, '');
  return digits.length >= 6 && to.endsWith(digits);
}

/** The response of the mailbox; undefined: the request is not for it. */
export type Answer = {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** Its Content-Security-Policy. */
  readonly policy: string;
};

type MailboxStore = {
  readonly outbox: Pick<OutboxRepository, 'listPending'>;
  readonly tenants: Pick<TenantRepository, 'findById'>;
};

const refuse = (status: number, body: string): Answer => ({
  status,
  type: 'text/plain',
  body,
  policy: listPolicy,
});

/**
 * The messages that a development server captures, as JSON and as a page. Only on the
 * machine itself, also by the Host header: a page elsewhere that points a name of its
 * own at this machine gets nothing.
 */
export function createMailbox({ outbox, tenants }: MailboxStore) {
  /** A mail as its reader shows it, with the logo that it takes along. */
  async function mail(id: string): Promise<string | undefined> {
    const entry = (await outbox.listPending(maxMessages)).find((each) => each.id === id);
    if (entry === undefined || entry.message.html === '') return undefined;
    const tenant = await tenants.findById(entry.tenantId);
    const html = withLogo(entry.message.html, tenant?.policy.branding.logo ?? '');
    // A link opens beside the list: inside of the frame no page of ours would show.
    return html.replace('<head>', '<head><base target="_blank">');
  }

  return async function mailbox(request: IncomingMessage, peer = ''): Promise<Answer | undefined> {
    const authority = request.headers[':authority'] ?? request.headers.host;
    const url = new URL(request.url ?? '', 'http://localhost');
    const id = url.pathname.startsWith(`${path}/`) ? url.pathname.slice(path.length + 1) : '';
    if (url.pathname !== path && url.pathname !== stylePath && id === '') return undefined;
    if (!ownHosts.test(String(authority)) || !isLoopback(peer)) return refuse(403, 'only on this machine\n');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'only GET\n');
    if (url.pathname === stylePath) return { status: 200, type: 'text/css', body: style, policy: listPolicy };
    if (id !== '') {
      const body = await mail(id);
      if (body === undefined) return refuse(404, 'no such message\n');
      return { status: 200, type: 'text/html; charset=utf-8', body, policy: mailPolicy };
    }
    const to = url.searchParams.get('to');
    const entries = await outbox.listPending(maxMessages);
    const messages = entries.map(toCaptured).filter((message) => to === null || isTo(message, to));
    const isForPeople = request.headers.accept?.includes('text/html') === true;
    return {
      status: 200,
      type: isForPeople ? 'text/html; charset=utf-8' : 'application/json',
      body: isForPeople ? page(messages) : JSON.stringify(messages),
      policy: listPolicy,
    };
  };
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}
