import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { RecoveryService } from '../../gen/manam/v1/recovery_service_pb.js';
import type { createChangePassword } from '../flows/recovery/change-password.ts';
import type { createEndRecovery } from '../flows/recovery/end-recovery.ts';
import type { FactorResetFlows } from '../flows/recovery/factor-reset.ts';
import type { createRecover } from '../flows/recovery/recover.ts';
import type { createReportSignIn } from '../flows/recovery/report-sign-in.ts';
import type { createUndoChanges } from '../flows/recovery/undo-changes.ts';
import type { WaitingUndoFlows } from '../flows/recovery/waiting-undo.ts';
import { callerOf } from './context.ts';
import { identifierKind } from './convert.ts';

type UndoFlows = ReturnType<typeof createUndoChanges>;

export type RecoveryFlows = {
  readonly recover: ReturnType<typeof createRecover>;
  readonly endRecovery: ReturnType<typeof createEndRecovery>;
  readonly reportSignIn: ReturnType<typeof createReportSignIn>;
  readonly freezeAccount: UndoFlows['freeze'];
  readonly undoChanges: UndoFlows['undo'];
  readonly waitingUndo: WaitingUndoFlows;
  readonly factorReset: FactorResetFlows;
  readonly changePassword: ReturnType<typeof createChangePassword>;
};

export function recoveryHandlers(flows: RecoveryFlows): ServiceImpl<typeof RecoveryService> {
  return {
    async recover(request, context) {
      const handle = await flows.recover(callerOf(context), { ...request, type: identifierKind(request) });
      return request.withHandle ? { handle } : {};
    },

    async endRecovery(request, context) {
      await flows.endRecovery(callerOf(context), request);
      return {};
    },

    async reportSignIn(request, context) {
      await flows.reportSignIn(callerOf(context), request);
      return {};
    },

    async freezeAccount(request, context) {
      await flows.freezeAccount(callerOf(context), request);
      return {};
    },

    async undoChanges(request, context) {
      await flows.undoChanges(callerOf(context), request);
      return {};
    },

    async startUndo(request, context) {
      const readyAtMs = await flows.waitingUndo.start(callerOf(context), request);
      return { readyTime: timestampFromMs(readyAtMs) };
    },

    async cancelUndo(_, context) {
      await flows.waitingUndo.cancelInSession(callerOf(context));
      return {};
    },

    async rejectUndo(request, context) {
      await flows.waitingUndo.reject(callerOf(context), request);
      return {};
    },

    async startFactorReset(_, context) {
      const readyAtMs = await flows.factorReset.start(callerOf(context));
      return { readyTime: timestampFromMs(readyAtMs) };
    },

    async finishFactorReset(_, context) {
      await flows.factorReset.finish(callerOf(context));
      return {};
    },

    async cancelFactorReset(_, context) {
      await flows.factorReset.cancelInSession(callerOf(context));
      return {};
    },

    async rejectFactorReset(request, context) {
      await flows.factorReset.cancelByLink(callerOf(context), request);
      return {};
    },

    async changePassword(request, context) {
      await flows.changePassword(callerOf(context), request);
      return {};
    },
  };
}
