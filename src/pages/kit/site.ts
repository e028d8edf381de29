import { type ComponentChildren, createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Failure, WebManam } from '../../clients/web.ts';
import type { PageSettings } from './settings.ts';

/** What every set of pages gives to the parts that all of them share. */
export type Site = {
  readonly settings: PageSettings;
  readonly manam: WebManam;
  /** The address of a part of the pages, such as `security`. */
  hrefOf(path: string): string;
  /** Goes to another part, with something to say there. */
  go(path: string, notice?: string): void;
  /** What helps after a failure of any call; absent: nothing does. */
  helpFor?(failure: Failure): ComponentChildren;
  /** Whether it is only looked at: it begins nothing by itself, and is not the page. */
  readonly isPreview?: boolean;
  /** Whether a value that breaks a rule is told the rule in English as well: for pages of developers. */
  readonly showsRules?: boolean;
  /** Takes back what was said of something before. */
  quiet(): void;
  /** Runs a call; where it needs a fresh sign-in, asks for the password and runs it again. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
};

export const SiteContext = createContext<Site | undefined>(undefined);

export function useSite(): Site {
  const site = useContext(SiteContext);
  if (site === undefined) throw new Error('outside of the pages');
  return site;
}
