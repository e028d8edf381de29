import { useId, useState } from 'preact/hooks';
import { ManagementService } from '../../clients/management.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import { contrastOf, type ThemeFont, themeOf } from '../../domain/theme.ts';
import { SelectField } from '../kit/fields.tsx';
import { FieldMistake } from '../kit/form.tsx';
import { useLanguage, type Word } from './language.ts';
import { readLogo } from './logo.ts';
import { Card, Fetched, Page } from './parts.tsx';
import { usePolicy } from './policy.ts';
import { PagePreview } from './preview.tsx';
import { Editable } from './sheet.tsx';
import { useConsole } from './state.ts';

type Branding = TenantPolicy['branding'];

const fonts: readonly (readonly [ThemeFont, Word])[] = [
  ['system', 'fontSystem'],
  ['humanist', 'fontHumanist'],
  ['serif', 'fontSerif'],
];

/** How the tenant's pages and messages look, with the page itself beside it. */
export function BrandingScreen() {
  const { t } = useLanguage();
  const { load } = usePolicy();
  return (
    <Page title={t('branding')} hint={t('brandingHint')}>
      <Fetched load={load}>{({ policy }, reload) => <Editor policy={policy} reload={reload} />}</Fetched>
    </Page>
  );
}

function Editor({ policy, reload }: { readonly policy: TenantPolicy; readonly reload: () => Promise<void> }) {
  const { t } = useLanguage();
  const { say } = useConsole();
  const { save } = usePolicy();
  const [branding, setBranding] = useState<Branding>(policy.branding);
  const radiusId = useId();
  const theme = themeOf(branding);
  const change = (part: Partial<Branding>) => setBranding((known) => ({ ...known, ...part }));
  const send = async () => {
    await save({ branding });
    say(t('saved'));
    await reload();
  };
  const fields = (
    <>
      <ColorField
        label={t('color')}
        color={theme.accent}
        text={theme.onAccent}
        onChange={(color) => change({ color })}
      />
      <ColorField
        label={t('background')}
        color={theme.background}
        text={theme.onBackground}
        onChange={(background) => change({ background })}
      />
      <LogoField label={t('logo')} logo={branding.logo} onChange={(logo) => change({ logo })} />
      <LogoField
        label={t('logoDark')}
        logo={branding.logoDark}
        onChange={(logoDark) => change({ logoDark })}
      />
      <div class="field">
        <label for={radiusId}>{t('radius')}</label>
        <input
          id={radiusId}
          type="range"
          min={0}
          max={24}
          value={branding.radius}
          onInput={(event) => change({ radius: Number(event.currentTarget.value) })}
        />
      </div>
      <SelectField
        name="font"
        label={t('font')}
        value={branding.font}
        onChange={(font) => change({ font: font as ThemeFont })}
        choices={fonts.map(([value, word]) => ({ value, label: t(word) }))}
      />
    </>
  );
  return (
    <div class="halves">
      <Card title={t('look')}>
        <Editable method={ManagementService.method.updatePolicy} onSave={send}>
          {fields}
        </Editable>
      </Card>
      <Card title={t('preview')} hint={t('previewHint')}>
        <PagePreview branding={branding} policy={policy} />
      </Card>
    </div>
  );
}

type ColorFieldProps = {
  readonly label: string;
  readonly color: string;
  /** The colour of the text on it. */
  readonly text: string;
  readonly onChange: (color: string) => void;
};

/** A colour, with the contrast that text has on it. */
function ColorField({ label, color, text, onChange }: ColorFieldProps) {
  const { t } = useLanguage();
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="input">
        <input id={id} type="color" value={color} onInput={(event) => onChange(event.currentTarget.value)} />
        <button type="button" class="quiet" onClick={() => onChange('')}>
          {t('colorDefault')}
          <span class="unseen"> {label}</span>
        </button>
      </div>
      <p class="hint">{t('contrast', { ratio: Number(contrastOf(color, text).toFixed(1)) })}</p>
    </div>
  );
}

type LogoFieldProps = {
  readonly label: string;
  readonly logo: string;
  readonly onChange: (logo: string) => void;
};

/** An image of the person's device, made small enough to stand in every page. */
function LogoField({ label, logo, onChange }: LogoFieldProps) {
  const { t } = useLanguage();
  const [mistake, setMistake] = useState('');
  const read = async (file: File | undefined) => {
    setMistake('');
    try {
      if (file !== undefined) onChange(await readLogo(file));
    } catch (error) {
      setMistake(error instanceof FieldMistake ? error.message : t('logoFailed'));
    }
  };
  return (
    <div class="field">
      <label>
        {label}
        <input
          type="file"
          accept="image/png,image/jpeg,image/webp,image/svg+xml"
          onChange={(event) => void read(event.currentTarget.files?.[0])}
        />
      </label>
      {logo !== '' && (
        <div class="input">
          <img class="logo-shown" src={logo} alt="" />
          <button type="button" class="quiet" onClick={() => onChange('')}>
            {t('remove')}
            <span class="unseen"> {label}</span>
          </button>
        </div>
      )}
      {mistake !== '' && (
        <p role="alert" class="mistake">
          {mistake}
        </p>
      )}
    </div>
  );
}
