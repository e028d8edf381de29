import type { Check, Finding } from '../../domain/finding.ts';

/**
 * Examines the deployment, one check after another. The first check is what all others
 * need; where it fails, they are not run and say so.
 */
export function createDiagnose(first: Check, others: readonly Check[]) {
  async function examine({ name, examine: look }: Check): Promise<Finding[]> {
    try {
      return await look();
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return [
        { check: name, state: 'error', detail, fix: 'see the log of the service and of what it calls' },
      ];
    }
  }

  return async function diagnose(): Promise<Finding[]> {
    const findings = await examine(first);
    const isUsable = findings.every(({ state }) => state !== 'error');
    for (const check of others) {
      if (isUsable) findings.push(...(await examine(check)));
      else {
        const detail = `not examined, because ${first.name} is not in order`;
        findings.push({ check: check.name, state: 'warning', detail, fix: `mend ${first.name} first` });
      }
    }
    return findings;
  };
}

export type Diagnose = ReturnType<typeof createDiagnose>;
