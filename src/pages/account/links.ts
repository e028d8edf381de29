// A link from a message opens a page of its own. Where the page that asked for it is still open on this
// device, it takes the token from there; a token goes no further than the pages of one tenant.

export type LinkKind = 'totp' | 'sms' | 'email';

type Offer = { readonly kind: LinkKind; readonly token: string };
type Answer = 'heard' | 'taken' | 'refused';

const channelOf = (slug: string) => new BroadcastChannel(`manam-links-${slug}`);
/** How long a page that is open has to answer at all, and then to use the token. */
const hearingMs = 800;
const takingMs = 15_000;

/** Offers a token to the page that waits for it; answers whether one has used it. */
export function offerToken(slug: string, offer: Offer): Promise<boolean> {
  const channel = channelOf(slug);
  return new Promise((resolve) => {
    const end = (isTaken: boolean) => {
      clearTimeout(timer);
      channel.close();
      resolve(isTaken);
    };
    let timer = setTimeout(() => end(false), hearingMs);
    channel.onmessage = ({ data }: MessageEvent<Answer>) => {
      clearTimeout(timer);
      if (data === 'heard') timer = setTimeout(() => end(false), takingMs);
      else end(data === 'taken');
    };
    channel.postMessage(offer);
  });
}

/** Waits for the token of a link; `take` says whether it could be used. Answers what ends the waiting. */
export function awaitToken(
  slug: string,
  kind: LinkKind,
  take: (token: string) => Promise<boolean>,
): () => void {
  const channel = channelOf(slug);
  channel.onmessage = ({ data }: MessageEvent<Offer>) => {
    if (data.kind !== kind) return;
    channel.postMessage('heard');
    void take(data.token).then((isTaken) => {
      channel.postMessage(isTaken ? 'taken' : 'refused');
      // Nothing more comes; and what was posted goes out before the channel ends.
      if (isTaken) setTimeout(() => channel.close(), 0);
    });
  };
  return () => channel.close();
}
