import type { PageSettings } from '../page-settings.ts';

export type { PageSettings };

/** The settings in the page's head. */
export function readSettings(): PageSettings {
  const content = document.querySelector('meta[name="manam"]')?.getAttribute('content') ?? '{}';
  return JSON.parse(content) as PageSettings;
}

/** Gives the page its tenant's colours, corners and font. */
export function applyTheme({ accent, onAccent, radius, font }: PageSettings['theme']): void {
  const { style } = document.documentElement;
  style.setProperty('--accent', accent);
  style.setProperty('--on-accent', onAccent);
  style.setProperty('--radius', `${radius}px`);
  style.setProperty('--font', font);
}
