import { useEffect, useState } from 'preact/hooks';
import { awaitToken, type LinkKind } from './links.ts';
import { useAccount } from './state.ts';

/**
 * Uses the token of a link that is opened on this device while the page waits for it, and
 * returns the error of the last one. No kind: the page waits for none.
 */
export function useAwaitedToken(
  kind: LinkKind | undefined,
  use: (token: string) => Promise<unknown>,
): unknown {
  const { attempt, settings } = useAccount();
  const [problem, setProblem] = useState<unknown>();
  useEffect(() => {
    if (kind === undefined) return undefined;
    setProblem(undefined);
    return awaitToken(settings.slug, kind, (token) =>
      attempt(() => use(token)).then(
        () => true,
        (error: unknown) => {
          setProblem(error);
          return false;
        },
      ),
    );
  }, [kind]);
  return problem;
}
