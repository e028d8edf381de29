import { identifierIn } from '../kit/form.tsx';
import { keepHandle } from './code-handles.ts';
import { useAccount } from './state.ts';

/** A code on its way. */
export type StartedCode = { readonly address: string; readonly handle: string };

/** Sends a code and keeps its handle for the link that comes with it. */
export function useStartCode(): (identifier: string) => Promise<StartedCode> {
  const { manam, settings } = useAccount();
  return async (identifier) => {
    const { handle } = await manam.auth.startCodeSignIn(identifierIn(identifier));
    keepHandle(settings.slug, handle);
    return { address: identifier.trim(), handle };
  };
}
