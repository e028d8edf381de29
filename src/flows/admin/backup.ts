import type { Clock } from '../../domain/clock.ts';
import type { Check, Finding } from '../../domain/finding.ts';
import type { Store } from '../../domain/repositories.ts';

export type BackupDeps = {
  readonly store: Store<'tenants' | 'users' | 'authenticators' | 'outbox' | 'keys'>;
  /** Checks of any database: version, migrations, keys. */
  readonly checks: readonly Check[];
  /** Opens what a signing key is sealed with; throws where it does not open. */
  readonly openSigningKey: (id: string, sealed: Buffer) => unknown;
  readonly clock: Clock;
};

/** Users of each tenant in the sample. */
const sampleSize = 200;

/**
 * Proves that a restored database opens: the migrations are ours, the master key opens
 * the data keys, and those open what is sealed with them. It reads and changes nothing.
 */
export function createBackupCheck({ store, checks, openSigningKey, clock }: BackupDeps) {
  async function examineSigningKeys(): Promise<Finding> {
    const check = 'backup.signing-keys';
    const keys = await store.keys.listSigningKeys();
    for (const { id, sealed } of keys) openSigningKey(id, sealed);
    return { check, state: 'ok', detail: `all ${keys.length} open`, fix: '' };
  }

  async function examineSeeds(): Promise<Finding> {
    const check = 'backup.second-factors';
    let opened = 0;
    for (let after = ''; ; ) {
      const tenants = await store.tenants.list(after, sampleSize);
      for (const { id: tenantId } of tenants) {
        const views = await store.users.search(tenantId, { prefix: '', afterId: undefined }, sampleSize);
        for (const { user } of views) opened += (await store.authenticators.list(tenantId, user.id)).length;
      }
      if (tenants.length < sampleSize) break;
      after = tenants.at(-1)?.slug ?? '';
    }
    return { check, state: 'ok', detail: `${opened} authenticators of a sample open`, fix: '' };
  }

  async function examineMessages(): Promise<Finding> {
    const check = 'backup.messages';
    const waiting = (await store.outbox.countWaiting()).reduce((sum, { messages }) => sum + messages, 0);
    const readable = (await store.outbox.listPending(sampleSize)).length;
    if (readable < Math.min(waiting, sampleSize)) {
      const detail = `${waiting} wait, and not all of a sample open`;
      return { check, state: 'warning', detail, fix: 'manam outbox list --state dead, after a start' };
    }
    return {
      check,
      state: 'ok',
      detail: `${waiting} wait; what was sent since the backup is sent again`,
      fix: '',
    };
  }

  async function describeLoss(): Promise<Finding> {
    const detail = `restored at ${clock().toISOString()}: refresh tokens that were rotated since the backup end their session, codes used since are good again until they expire`;
    const fix =
      'manam audit restart begins the logs of events anew; signing-key rotate --revoke-others ends the access tokens of the lost time as well';
    return { check: 'backup.lost-time', state: 'warning', detail, fix };
  }

  return async function checkBackup(): Promise<Finding[]> {
    const findings: Finding[] = [];
    const own: Check[] = [
      { name: 'backup.signing-keys', examine: async () => [await examineSigningKeys()] },
      { name: 'backup.second-factors', examine: async () => [await examineSeeds()] },
      { name: 'backup.messages', examine: async () => [await examineMessages()] },
      { name: 'backup.lost-time', examine: async () => [await describeLoss()] },
    ];
    for (const { name, examine } of [...checks, ...own]) {
      try {
        findings.push(...(await examine()));
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        const fix = 'the dump is damaged, or belongs to another master key';
        findings.push({ check: name, state: 'error', detail, fix });
      }
    }
    return findings;
  };
}
