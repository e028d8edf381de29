import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import { useState } from 'preact/hooks';
import { createPasskey, hasPasskeys, type Passkey, removePasskey } from '../../clients/web.ts';
import { useCeremony } from '../kit/ceremony.ts';
import { Field, Form, type Values } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { RecoveryCodes } from './recovery-codes.tsx';
import { useAccount } from './state.ts';

/** Makes a passkey, with the recovery codes of a first authenticator. */
export function AddPasskey({
  onAdded,
  weight = 'primary',
}: {
  readonly onAdded: (codes: readonly string[]) => Promise<void>;
  readonly weight?: 'primary' | 'quiet';
}) {
  const { t } = useLanguage();
  const { manam, attempt } = useAccount();
  const run = useCeremony();
  if (!hasPasskeys()) return <p class="hint">{t('passkeyUnsupported')}</p>;
  const add = async () => {
    const { recoveryCodes } = await attempt(() => run(() => createPasskey(manam)));
    await onAdded(recoveryCodes);
  };
  return <Form submit={t('passkeyAdd')} weight={weight} onSubmit={add} />;
}

/** The user's passkeys: what they are, another name, and their end. Nothing where the tenant has none. */
export function Passkeys({
  onEnrolled,
  onPasswordOff,
}: {
  readonly onEnrolled?: () => Promise<void>;
  readonly onPasswordOff?: () => void;
}) {
  const { t } = useLanguage();
  const { manam, settings } = useAccount();
  const [codes, setCodes] = useState<readonly string[]>([]);
  if (settings.passkeys.mode === 'off') return null;
  return (
    <Section title={t('passkeys')}>
      <p class="hint">{t('passkeysHint')}</p>
      <Loaded load={async () => (await manam.passkeys.listPasskeys({})).passkeys}>
        {(passkeys, reload) => {
          const finish = async () => {
            await (onEnrolled ?? reload)();
            setCodes([]);
          };
          if (codes.length > 0) return <RecoveryCodes codes={codes} onKept={finish} />;
          return (
            <>
              <ul class="sessions">
                {passkeys.map((passkey) => (
                  <OnePasskey key={passkey.passkeyId} passkey={passkey} reload={reload} />
                ))}
              </ul>
              <AddPasskey
                weight={passkeys.length === 0 ? 'primary' : 'quiet'}
                onAdded={async (made) => {
                  if (made.length > 0) setCodes(made);
                  else await finish();
                }}
              />
              {settings.passkeys.passwordless === 'user' && passkeys.length > 0 && (
                <DropPassword onDone={onPasswordOff} />
              )}
            </>
          );
        }}
      </Loaded>
    </Section>
  );
}

function OnePasskey({
  passkey,
  reload,
}: {
  readonly passkey: Passkey;
  readonly reload: () => Promise<void>;
}) {
  const { t, date } = useLanguage();
  const { manam } = useAccount();
  const [isRenaming, setRenaming] = useState(false);
  const when = (time: Timestamp | undefined) => (time === undefined ? '' : date(timestampDate(time)));
  const { passkeyId, label, createTime, lastUseTime, synced } = passkey;
  const name = label || t('passkeyUnnamed');
  const rename = async ({ label: chosen = '' }: Values) => {
    await manam.passkeys.renamePasskey({ passkeyId, label: chosen });
    setRenaming(false);
    await reload();
  };
  const used = lastUseTime === undefined ? t('passkeyUnused') : t('sessionUsed', { date: when(lastUseTime) });
  return (
    <li>
      <div>
        <bdi class="device">{name}</bdi>{' '}
        <span class="badge">{t(synced ? 'passkeySynced' : 'passkeyBound')}</span>
        <p class="hint">
          {t('passkeyMade', { date: when(createTime) })} · {used}
        </p>
        {isRenaming && (
          <Form
            submit={t('save')}
            onSubmit={rename}
            aside={
              <button type="button" class="quiet" onClick={() => setRenaming(false)}>
                {t('cancel')}
              </button>
            }
          >
            <Field name="label" label={t('passkeyName')} value={label} maxLength={100} takesFocus />
          </Form>
        )}
      </div>
      {!isRenaming && (
        <div class="choices">
          <button type="button" class="quiet" onClick={() => setRenaming(true)}>
            {t('rename')} <span class="unseen">{name}</span>
          </button>
          <Form
            submit={t('remove')}
            about={name}
            weight="quiet"
            rephrase={{ LAST_SIGN_IN: t('passkeyLast') }}
            onSubmit={async () => {
              await removePasskey(manam, passkeyId);
              await reload();
            }}
          />
        </div>
      )}
    </li>
  );
}

/** Switches the password off. Nothing for an account that has none. */
function DropPassword({ onDone }: { readonly onDone: (() => void) | undefined }) {
  const { t } = useLanguage();
  const { manam } = useAccount();
  return (
    <Loaded load={() => manam.twoFactor.getTwoFactor({})}>
      {({ hasPassword }, reload) =>
        hasPassword ? (
          <Form
            submit={t('passwordOff')}
            weight="danger"
            onSubmit={async () => {
              await manam.passkeys.removePassword({});
              onDone?.();
              await reload();
            }}
          >
            <p class="hint">{t('passwordOffHint')}</p>
          </Form>
        ) : (
          <p>{t('passwordIsOff')}</p>
        )
      }
    </Loaded>
  );
}

const declinedKey = (slug: string, userId: string) => `manam-no-passkey ${slug} ${userId}`;

/** Whether this browser may ask the user to make a passkey: not where they said "never". */
export function mayOfferPasskey(slug: string, userId: string): boolean {
  try {
    return hasPasskeys() && localStorage.getItem(declinedKey(slug, userId)) === null;
  } catch {
    return false;
  }
}

/** Offers a passkey after a sign-in without one. */
export function OfferPasskey({ userId }: { readonly userId: string }) {
  const { t } = useLanguage();
  const { settings, enter } = useAccount();
  const [codes, setCodes] = useState<readonly string[]>([]);
  const never = () => {
    try {
      localStorage.setItem(declinedKey(settings.slug, userId), 'declined');
    } catch {
      // A browser without room stores nothing: the page asks again after the next sign-in.
    }
    return enter();
  };
  if (codes.length > 0)
    return (
      <Section title={t('passkeyOfferTitle')} isPage>
        <RecoveryCodes codes={codes} onKept={enter} />
      </Section>
    );
  return (
    <Section title={t('passkeyOfferTitle')} isPage>
      <p>{t('passkeyOffer')}</p>
      <AddPasskey
        onAdded={async (made) => {
          if (made.length > 0) setCodes(made);
          else await enter();
        }}
      />
      <div class="choices">
        <button type="button" class="quiet" onClick={() => void enter()}>
          {t('later')}
        </button>
        <button type="button" class="quiet" onClick={() => void never()}>
          {t('passkeyNever')}
        </button>
      </div>
    </Section>
  );
}
