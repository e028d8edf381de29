import { Form } from '../kit/form.tsx';
import { CopyButton, StepTitle } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The recovery codes, shown this once: to copy, to keep as a file, or to print. */
export function RecoveryCodes({
  codes,
  onKept,
}: {
  readonly codes: readonly string[];
  readonly onKept: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { settings } = useAccount();
  const text = `${codes.join('\n')}\n`;
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${settings.name}\n\n${text}`], { type: 'text/plain' }));
    link.download = `${settings.slug}-recovery-codes.txt`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <div class="recovery">
      <StepTitle>{t('recoveryTitle')}</StepTitle>
      <p>{t('recoveryKeep')}</p>
      <ul class="codes" dir="ltr">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div class="choices unprinted">
        <CopyButton text={text} />
        <button type="button" class="quiet" onClick={download}>
          {t('download')}
        </button>
        <button type="button" class="quiet" onClick={() => print()}>
          {t('print')}
        </button>
      </div>
      <div class="unprinted">
        <Form submit={t('kept')} onSubmit={onKept} />
      </div>
    </div>
  );
}
