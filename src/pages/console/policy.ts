import type { JsonObject } from '@bufbuild/protobuf';
import type { TenantPolicy } from '../../domain/policy.ts';
import { useConsole } from './state.ts';

export type PolicyAnswer = {
  readonly policy: TenantPolicy;
  readonly whole: JsonObject;
  readonly operatorFields: readonly string[];
  readonly isConfined: boolean;
};

/** Reads the policy, and changes it by a merge patch. */
export function usePolicy() {
  const { manage } = useConsole();
  return {
    load: async (): Promise<PolicyAnswer> => {
      const { policy: whole = {}, operatorFields, confined } = await manage.getPolicy({});
      return { policy: whole as unknown as TenantPolicy, whole, operatorFields, isConfined: confined };
    },
    save: async (patch: JsonObject) => {
      await manage.updatePolicy({ policy: patch });
    },
  };
}
