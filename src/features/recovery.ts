import { createChangePassword } from '../flows/recovery/change-password.ts';
import { createEndRecovery } from '../flows/recovery/end-recovery.ts';
import { createFactorReset } from '../flows/recovery/factor-reset.ts';
import { createRecover } from '../flows/recovery/recover.ts';
import { createReportSignIn } from '../flows/recovery/report-sign-in.ts';
import { createUndoChanges } from '../flows/recovery/undo-changes.ts';
import { createWaitingUndo } from '../flows/recovery/waiting-undo.ts';
import { recoveryHandlers } from '../rpc/recovery-service.ts';
import type { FeatureDeps } from './deps.ts';
import type { Feature } from './feature.ts';

/** A forgotten password, and a new one instead of a known one. */
export function recovery({ adapters, core }: FeatureDeps) {
  const all = { ...adapters, ...core };
  const { freeze, undo } = createUndoChanges(all);
  const flows = {
    recover: createRecover(all),
    endRecovery: createEndRecovery(all),
    reportSignIn: createReportSignIn(all),
    factorReset: createFactorReset(all),
    freezeAccount: freeze,
    undoChanges: undo,
    waitingUndo: createWaitingUndo(all),
    changePassword: createChangePassword(all),
  };
  return {
    handlers: { recovery: recoveryHandlers(core.idempotent(flows)) },
    retention: { accountChanges: 0, factorResets: 0 },
  } satisfies Feature;
}
