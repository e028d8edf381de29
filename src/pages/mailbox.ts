import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { escapeHtml } from '../domain/html.ts';
import type { OutboxEntry, OutboxRepository } from '../domain/message.ts';

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
const style = `${readFileSync(new URL('theme.css', import.meta.url), 'utf8')}
body { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem; }
article h2 { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; font-size: .9rem; }
dt { color: var(--faint); } dd { margin: 0; } pre { white-space: pre-wrap; font: inherit; margin: .5rem 0 0; }
`;

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
    }) => `<article class="card"><h2 dir="auto">${escapeHtml(subject || channel)}</h2><dl>
<dt>To</dt><dd>${escapeHtml(to)}</dd><dt>At</dt><dd><time datetime="${created_at}">${created_at}</time></dd>
${code === '' ? '' : `<dt>Code</dt><dd><code>${escapeHtml(code)}</code></dd>`}
${link === '' ? '' : `<dt>Link</dt><dd><a href="${escapeHtml(link)}" rel="noreferrer">${escapeHtml(link)}</a></dd>`}
</dl><pre dir="auto">${escapeHtml(text)}</pre></article>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mailbox · Manam</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><link rel="stylesheet" href="${stylePath}"></head>
<body><h1>Mailbox</h1><p>Messages of this development server, newest first. None of them leaves this machine.</p>
${articles.join('\n') || '<p>No message yet.</p>'}</body></html>`;
}

/** Whether a message went to an address in any letters, or to a number in national form or with its plus read as a space. */
function isTo({ channel, to }: CapturedMessage, wanted: string): boolean {
  if (channel === 'email') return to.toLowerCase() === wanted.trim().toLowerCase();
  const digits = wanted.replace(/\D/g, '').replace(/^0+/, '');
  return digits.length >= 6 && to.endsWith(digits);
}

/** The response of the mailbox; undefined: the request is not for it. */
export type Answer = { readonly status: number; readonly type: string; readonly body: string };

/**
 * The messages that a development server captures, as JSON and as a page. Only on the
 * machine itself, also by the Host header: a page elsewhere that points a name of its
 * own at this machine gets nothing.
 */
export function createMailbox(outbox: OutboxRepository) {
  return async function mailbox(request: IncomingMessage, peer = ''): Promise<Answer | undefined> {
    const authority = request.headers[':authority'] ?? request.headers.host;
    const url = new URL(request.url ?? '', 'http://localhost');
    if (url.pathname !== path && url.pathname !== stylePath) return undefined;
    if (!ownHosts.test(String(authority)) || !isLoopback(peer)) {
      return { status: 403, type: 'text/plain', body: 'only on this machine\n' };
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { status: 405, type: 'text/plain', body: 'only GET\n' };
    }
    if (url.pathname === stylePath) return { status: 200, type: 'text/css', body: style };

    const to = url.searchParams.get('to');
    const entries = await outbox.listPending(maxMessages);
    const messages = entries.map(toCaptured).filter((message) => to === null || isTo(message, to));
    return request.headers.accept?.includes('text/html')
      ? { status: 200, type: 'text/html; charset=utf-8', body: page(messages) }
      : { status: 200, type: 'application/json', body: JSON.stringify(messages) };
  };
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}
