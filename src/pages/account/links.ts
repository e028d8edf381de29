// A link from a message opens a page of its own. Where the page that asked for it is still open on this
// device, it takes the token from there; a token goes no further than this origin.

export type LinkKind = 'totp' | 'sms' | 'email';

type Offer = { readonly kind: LinkKind; readonly token: string };

const channelName = 'manam-links';
/** How long a page that is open has to answer. */
const answerMs = 800;

/** Offers a token to the page that waits for it; answers whether one has taken it. */
export function offerToken(offer: Offer): Promise<boolean> {
  const channel = new BroadcastChannel(channelName);
  return new Promise((resolve) => {
    const end = (isTaken: boolean) => {
      clearTimeout(timer);
      channel.close();
      resolve(isTaken);
    };
    const timer = setTimeout(() => end(false), answerMs);
    channel.onmessage = ({ data }) => {
      if (data === 'taken') end(true);
    };
    channel.postMessage(offer);
  });
}

/** Waits for the token of a link; answers what ends the waiting. */
export function awaitToken(kind: LinkKind, take: (token: string) => void): () => void {
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = ({ data }: MessageEvent<Offer>) => {
    if (data.kind !== kind) return;
    channel.postMessage('taken');
    take(data.token);
  };
  return () => channel.close();
}
