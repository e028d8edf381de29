import type { JsonObject } from '@bufbuild/protobuf';
import { ManagementService } from '../../clients/management.ts';
import type { TenantPolicy } from '../../domain/policy.ts';
import { linesOf, TextArea } from '../kit/fields.tsx';
import type { Values } from '../kit/form.tsx';
import { useLanguage } from './language.ts';
import { Card } from './parts.tsx';
import { usePolicy } from './policy.ts';
import { Editable } from './sheet.tsx';
import { useConsole } from './state.ts';

type Roles = TenantPolicy['roles'];

/** One role on each line, with its permissions behind a colon. */
const textOf = (roles: Roles) =>
  Object.entries(roles)
    .map(([role, permissions]) => `${role}: ${permissions.join(' ')}`.trim())
    .join('\n');

function rolesIn(text: string): Roles {
  return Object.fromEntries(
    linesOf(text).map((line) => {
      const [role = '', permissions = ''] = line.split(/:\s*(.*)/s);
      return [role.trim(), permissions.split(/[\s,]+/).filter((each) => each !== '')];
    }),
  );
}

/** A merge patch that leaves those roles and no others. */
function patchOf(before: Roles, after: Roles): JsonObject {
  const gone = Object.keys(before).filter((role) => after[role] === undefined);
  return {
    ...Object.fromEntries(gone.map((role) => [role, null])),
    ...Object.fromEntries(Object.entries(after).map(([role, permissions]) => [role, [...permissions]])),
  };
}

/** The roles that users can have, and what each permits. */
export function RolesCard({
  policy,
  reload,
}: {
  readonly policy: TenantPolicy;
  readonly reload: () => Promise<void>;
}) {
  const { t } = useLanguage();
  const { say } = useConsole();
  const { save } = usePolicy();
  const send = async ({ roles = '' }: Values) => {
    await save({ roles: patchOf(policy.roles, rolesIn(roles)) });
    say(t('saved'));
    await reload();
  };
  const field = (
    <TextArea
      name="roles"
      alsoNames={['policy.roles', 'policy.roles.']}
      label={t('roles')}
      hint={t('rolesLines')}
      rows={5}
      value={textOf(policy.roles)}
      isLatin
    />
  );
  return (
    <Card title={t('userRoles')} hint={t('userRolesHint')}>
      <Editable method={ManagementService.method.updatePolicy} onSave={send}>
        {field}
      </Editable>
    </Card>
  );
}
