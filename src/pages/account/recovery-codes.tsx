import { useState } from 'preact/hooks';
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
  const [isCopied, setCopied] = useState(false);
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
      <h3>{t('recoveryTitle')}</h3>
      <p>{t('recoveryKeep')}</p>
      <ul class="codes" dir="ltr">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div class="choices unprinted">
        <button
          type="button"
          class="quiet"
          onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
        >
          {t('copy')}
        </button>
        <button type="button" class="quiet" onClick={download}>
          {t('download')}
        </button>
        <button type="button" class="quiet" onClick={() => print()}>
          {t('print')}
        </button>
        <span role="status">{isCopied ? t('copied') : ''}</span>
      </div>
      <div class="actions unprinted">
        <button type="button" class="primary" onClick={() => void onKept()}>
          {t('kept')}
        </button>
      </div>
    </div>
  );
}
