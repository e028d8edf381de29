import { accounts } from '../kit/accounts.ts';
import { errands } from './errand.ts';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** Shows a sign-in beside the accounts that there are, which stay signed in. */
export function useOtherAccount(): () => void {
  const { settings } = useAccount();
  return () => {
    errands.noteChoice(settings.slug);
    accounts.choose(settings.slug, accounts.fresh(settings.slug));
    location.reload();
  };
}

/** The accounts of this browser, each a press away. */
export function AccountChooser({ onChosen }: { readonly onChosen: () => void }) {
  const { t } = useLanguage();
  const { settings } = useAccount();
  const { slug } = settings;
  const active = accounts.active(slug);
  const useOther = useOtherAccount();
  const choose = (name: string) => {
    if (name === active) return onChosen();
    errands.noteChoice(slug);
    accounts.choose(slug, name);
    location.reload();
  };
  return (
    <ul class="accounts">
      {accounts.list(slug).map(({ name, label }) => (
        <li key={name}>
          <button type="button" class="account" onClick={() => choose(name)}>
            <span class="initial" aria-hidden="true">
              {label.slice(0, 1).toUpperCase()}
            </span>
            <bdi dir="ltr">{label}</bdi>
          </button>
        </li>
      ))}
      <li>
        <button type="button" class="account" onClick={useOther}>
          <span class="initial" aria-hidden="true">
            +
          </span>
          {t('useOtherAccount')}
        </button>
      </li>
    </ul>
  );
}

/** Who is signed in, and the way to be someone else. */
export function SignedInAs() {
  const { t } = useLanguage();
  const { settings } = useAccount();
  const active = accounts.active(settings.slug);
  const label = accounts.list(settings.slug).find(({ name }) => name === active)?.label ?? '';
  const useOther = useOtherAccount();
  return (
    <p class="hint">
      {t('signedInAs')} <bdi dir="ltr">{label}</bdi>{' '}
      <button type="button" class="link" onClick={useOther}>
        {t('useOtherAccount')}
      </button>
    </p>
  );
}
