import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Form } from '../kit/form.tsx';
import { Loaded } from '../kit/loaded.tsx';
import { Section } from '../kit/parts.tsx';
import { useLanguage } from './language.ts';
import { useAccount } from './state.ts';

/** The devices that are spared the second factor, and the end of that. Nothing where there are none. */
export function TrustedDevices() {
  const { t, date, locale } = useLanguage();
  const { manam } = useAccount();
  return (
    <Loaded key={locale} load={async () => (await manam.twoFactor.listTrustedDevices({})).devices}>
      {(devices, reload) =>
        devices.length > 0 && (
          <Section title={t('trustedDevices')}>
            <ul class="sessions">
              {devices.map(({ deviceId, device, address, expireTime }) => (
                <li key={deviceId}>
                  <div>
                    <span class="device">{device || '–'}</span>
                    <p class="hint">
                      <bdi dir="ltr">{address}</bdi> ·{' '}
                      {t('trustedUntil', { date: expireTime ? date(timestampDate(expireTime)) : '' })}
                    </p>
                  </div>
                  <Form
                    submit={t('remove')}
                    about={device}
                    weight="quiet"
                    onSubmit={async () => {
                      await manam.twoFactor.removeTrustedDevice({ deviceId });
                      await reload();
                    }}
                  />
                </li>
              ))}
            </ul>
          </Section>
        )
      }
    </Loaded>
  );
}
