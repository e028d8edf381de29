export type SigningKeyState = 'next' | 'active' | 'retired';

/** Time for which a retired key stays published: lifetime of its last token, clock skew, and a margin. */
export const retirementMs = 15 * 60_000;

type Timed = Pick<SigningKeyRow, 'id' | 'activatesAt'>;

/** The key that signs at a time: the one that began last. */
export function activeKey<K extends Timed>(keys: readonly K[], now: Date): K | undefined {
  return keys
    .filter(({ activatesAt }) => activatesAt <= now)
    .sort((a, b) => b.activatesAt.getTime() - a.activatesAt.getTime() || (a.id < b.id ? 1 : -1))[0];
}

/** The state of a key at a time: published ahead, signing, or only verifying its last tokens (R13). */
export function stateOf(keys: readonly Timed[], key: Timed, now: Date): SigningKeyState {
  if (key.activatesAt > now) return 'next';
  return activeKey(keys, now)?.id === key.id ? 'active' : 'retired';
}

/** The same for tokens of applications, which live for up to an hour. */
export const applicationRetirementMs = 75 * 60_000;

/** The keys that are still published: all but those whose last token has expired. */
export function publishedKeys<K extends Timed>(keys: readonly K[], now: Date, lastMs = retirementMs): K[] {
  return keys.filter((key) => {
    // The first that replaced it: from then on it has signed nothing.
    const successors = keys.filter(({ activatesAt }) => activatesAt > key.activatesAt && activatesAt <= now);
    const [retiredAt] = successors.map(({ activatesAt }) => activatesAt.getTime()).sort((a, b) => a - b);
    return retiredAt === undefined || now.getTime() - retiredAt < lastMs;
  });
}

/** A key of the deployment, sealed with the master key. */
export type SealedKey = { readonly id: string; readonly sealed: Buffer; readonly createdAt: Date };

export type SigningKeyRow = SealedKey & {
  /** From when on it signs; until then it is only published. */
  readonly activatesAt: Date;
  readonly publicJwk: Record<string, unknown>;
};

/** The algorithms of application keys: those that applications know everywhere (OpenID Connect Discovery 1.0, section 3). */
export const applicationKeyAlgorithms = ['RS256', 'ES256'] as const;
export type ApplicationKeyAlgorithm = (typeof applicationKeyAlgorithms)[number];

export type ApplicationKeyRow = SigningKeyRow & { readonly algorithm: ApplicationKeyAlgorithm };

/** Makes a signing key that signs from that time on, its private half sealed. */
export type SigningKeyMaker = (activatesAt: Date) => Promise<SigningKeyRow>;

/** Seals a data key with the next master key; undefined where it already is. */
export type DataKeyResealer = (key: SealedKey) => Buffer | undefined;

export type KeyRepository = {
  listDataKeys(): Promise<SealedKey[]>;
  /** Puts a newly sealed value instead of the old one; false where the old one is not there any more. */
  resealDataKey(id: string, from: Buffer, to: Buffer): Promise<boolean>;
  insertDataKey(key: SealedKey): Promise<void>;
  listSigningKeys(): Promise<SigningKeyRow[]>;
  insertSigningKey(key: SigningKeyRow): Promise<void>;
  deleteSigningKeys(ids: readonly string[]): Promise<void>;
  /** The keys that tokens of applications are signed with beside the signing keys. */
  listApplicationKeys(): Promise<ApplicationKeyRow[]>;
  insertApplicationKey(key: ApplicationKeyRow): Promise<void>;
  deleteApplicationKeys(ids: readonly string[]): Promise<void>;
};
