import type { SendMailOptions } from 'nodemailer';
import { DeliveryError, deliveryBatch, type Outgoing, type Transport } from '../domain/delivery.ts';
import { parseEmail } from '../domain/email.ts';
import type { Message } from '../domain/message.ts';
import { logoAddress, withLogo } from '../domain/templates/mail-page.ts';

export type SmtpOptions = {
  /** Longest silence of the other side, also after DATA. Default: 20 s. */
  readonly silenceMs?: number;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly requireTls: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
  readonly dkim:
    | { readonly domain: string; readonly selector: string; readonly privateKey: string }
    | undefined;
};

const connectionTimeoutMs = 10_000;
const greetingTimeoutMs = 10_000;
const defaultSilenceMs = 20_000;
/** As many as the dispatcher has in hand: nothing waits inside the library. */
const maxConnections = deliveryBatch;
const maxMessagesPerConnection = 100;

/** The failure as nodemailer reports it. */
type SmtpFailure = { readonly code?: string; readonly responseCode?: number; readonly command?: string };

/** Commands that speak of this message; a refusal of any other is a trouble of the connection. */
const ofMessage = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/** Refusals for want of credentials (RFC 4954, section 6), at whatever command they come. */
const ofAuthentication = new Set([530, 534, 535, 538]);

function toDeliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const { code, responseCode, command } = (error ?? {}) as SmtpFailure;
  const isRefusal =
    responseCode !== undefined &&
    responseCode >= 500 &&
    !ofAuthentication.has(responseCode) &&
    ofMessage.has(String(command).toUpperCase());
  const name = responseCode === undefined ? (code ?? 'SMTP_FAILED') : `SMTP_${responseCode}`;
  return new DeliveryError(isRefusal ? 'permanent' : 'temporary', name, { cause: error });
}

/** One plain address, checked before the library sees it: it would split or fold what looks like two (V5). */
function assertAddress(address: string): string {
  try {
    if (parseEmail(address).address === address) return address;
  } catch {
    // Said below.
  }
  throw new DeliveryError('permanent', 'ADDRESS_INVALID');
}

/** The page of a mail, with its logo beside it: readers block images of elsewhere and `data:` URLs. */
function pageOf({ html }: Message, logo: string): Pick<SendMailOptions, 'html' | 'attachments'> {
  if (logo === '' || !html.includes(logoAddress)) return { html: withLogo(html, '') };
  const [, contentType = '', content = ''] = /^data:([^;]+);base64,(.*)$/.exec(logo) ?? [];
  const cid = logoAddress.slice('cid:'.length);
  return { html, attachments: [{ cid, contentType, content, encoding: 'base64', filename: 'logo' }] };
}

/** Connects by nodemailer, which is loaded with the first mail. */
async function connect({
  host,
  port,
  secure,
  requireTls,
  auth,
  dkim,
  silenceMs = defaultSilenceMs,
}: SmtpOptions) {
  const { createTransport } = await import('nodemailer');
  return createTransport({
    pool: true,
    host,
    port,
    secure,
    requireTLS: requireTls,
    ...(auth === undefined ? {} : { auth: { ...auth } }),
    maxConnections,
    maxMessages: maxMessagesPerConnection,
    connectionTimeout: Math.min(connectionTimeoutMs, silenceMs),
    greetingTimeout: Math.min(greetingTimeoutMs, silenceMs),
    socketTimeout: silenceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(dkim && {
      dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.privateKey },
    }),
  });
}

/** Sends e-mails by SMTP (RFC 5321), over a few connections that are kept. */
export function createSmtpTransport(options: SmtpOptions): Transport {
  let connected: ReturnType<typeof connect> | undefined;
  const transporter = () => {
    connected ??= connect(options);
    return connected;
  };

  return {
    async send({ id, message, tenantName, logo, createdAt }: Outgoing, signal: AbortSignal) {
      const [to, from] = [assertAddress(message.to), assertAddress(message.from)];
      try {
        const { accepted } = await (await transporter()).sendMail({
          signal,
          envelope: { from, to: [to] },
          from: { name: tenantName, address: from },
          to: { name: '', address: to },
          subject: message.subject,
          text: message.text,
          ...pageOf(message, logo),
          date: createdAt,
          // The same at every attempt, so that the recipient's server can drop a duplicate.
          messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
          headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': message.locale },
        });
        if (accepted.length !== 1) throw new DeliveryError('permanent', 'RECIPIENT_REFUSED');
      } catch (error) {
        throw toDeliveryError(error);
      }
    },

    async probe() {
      await (await transporter()).verify();
    },

    close: () => void connected?.then((pool) => pool.close()),
  };
}
