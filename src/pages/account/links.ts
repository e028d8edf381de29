// A link from a message opens a new page. Where the page that requested it is still open on this
// device, it takes the token from there; a token goes no further than the pages of one tenant.

export type LinkKind = 'totp' | 'sms' | 'email' | 'confirm' | 'recovered';

/** What a link was opened for; its token is empty where the link's own page has used it. */
type Offer = { readonly kind: LinkKind; readonly token: string };

const channelOf = (slug: string) => new BroadcastChannel(`manam-links-${slug}`);
/** Time in which an open page has to respond, and then to use the token. */
const hearingMs = 800;
const takingMs = 15_000;

/** Offers a token to the page that waits for it; returns whether one has used it. */
export function offerToken(slug: string, offer: Offer): Promise<boolean> {
  const channel = channelOf(slug);
  return new Promise((resolve) => {
    // Several pages may wait; one that has taken it is enough.
    let undecided = 0;
    const end = (isTaken: boolean) => {
      clearTimeout(timer);
      channel.close();
      resolve(isTaken);
    };
    let timer = setTimeout(() => end(false), hearingMs);
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data === 'taken') end(true);
      else if (data === 'heard') {
        undecided += 1;
        clearTimeout(timer);
        timer = setTimeout(() => end(false), takingMs);
      } else if (data === 'refused') {
        undecided -= 1;
        if (undecided === 0) end(false);
      }
    };
    channel.postMessage(offer);
  });
}

/** Waits for the token of a link; `take` says whether it could be used. Returns what ends the waiting. */
export function awaitToken(
  slug: string,
  kind: LinkKind,
  take: (token: string) => Promise<boolean>,
): () => void {
  const channel = channelOf(slug);
  let taking = 0;
  let isOver = false;
  const close = () => {
    // The page that offered the token still waits for a response.
    if (isOver && taking === 0) channel.close();
  };
  channel.onmessage = ({ data }: MessageEvent<Partial<Offer> | string>) => {
    if (isOver || typeof data === 'string' || data.kind !== kind || data.token === undefined) return;
    channel.postMessage('heard');
    taking += 1;
    void take(data.token).then((isTaken) => {
      channel.postMessage(isTaken ? 'taken' : 'refused');
      taking -= 1;
      close();
    });
  };
  return () => {
    isOver = true;
    close();
  };
}
