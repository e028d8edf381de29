import { useLanguage } from './language.ts';

const texts = {
  openid: 'scopeOpenid',
  profile: 'scopeProfile',
  email: 'scopeEmail',
  phone: 'scopePhone',
  address: 'scopeAddress',
  offline_access: 'scopeOffline',
  roles: 'scopeRoles',
} as const;

/** What an application will learn and may do, in words where there are any. */
export function ScopeList({
  scopes,
  resources,
}: {
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
}) {
  const { t } = useLanguage();
  return (
    <ul class="scopes">
      {scopes.map((scope) => (
        <li key={scope}>
          {Object.hasOwn(texts, scope) ? t(texts[scope as keyof typeof texts]) : <bdi dir="ltr">{scope}</bdi>}
        </li>
      ))}
      {resources.map((resource) => (
        <li key={resource}>
          {t('scopeResource')} <bdi dir="ltr">{resource}</bdi>
        </li>
      ))}
    </ul>
  );
}
