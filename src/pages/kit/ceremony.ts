import { PageMistake } from './form.tsx';
import { useLanguage } from './language.ts';

/** Whether a dialog of the browser was closed, or found nothing: no failure of the service, and nothing to report. */
function isDismissed(error: unknown): boolean {
  return error instanceof Error && ['NotAllowedError', 'AbortError', 'NoPasskeyError'].includes(error.name);
}

/** Runs a ceremony; a dialog that was closed is said in words. */
export function useCeremony(): <T>(ceremony: () => Promise<T>) => Promise<T> {
  const { t } = useLanguage();
  return async (ceremony) => {
    try {
      return await ceremony();
    } catch (error) {
      if (isDismissed(error)) throw new PageMistake(t('passkeyDismissed'));
      if (error instanceof Error && error.name === 'InvalidStateError')
        throw new PageMistake(t('passkeyHeld'));
      // The browser takes passkeys for names alone, and for the name of the service.
      if (error instanceof Error && error.name === 'SecurityError') throw new PageMistake(t('passkeyPlace'));
      throw error;
    }
  };
}
