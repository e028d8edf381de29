import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';

/** Where a link leads whose token the page that waited for it has used. */
export function Taken() {
  const { t } = useLanguage();
  return (
    <Section title={t('linkOtherTitle')} isPage>
      <p>{t('linkOther')}</p>
    </Section>
  );
}
