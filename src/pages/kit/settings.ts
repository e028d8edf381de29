import type { PageSettings } from '../page-settings.ts';

export type { PageSettings };

/** The settings in the page's head. */
export function readSettings(): PageSettings {
  const content = document.querySelector('meta[name="manam"]')?.getAttribute('content') ?? '{}';
  return JSON.parse(content) as PageSettings;
}

/** Gives the page, or a part of it, its tenant's colours, corners and font. */
export function applyTheme(
  { accent, onAccent, background, onBackground, radius, font }: PageSettings['theme'],
  { style }: HTMLElement = document.documentElement,
): void {
  style.setProperty('--accent', accent);
  style.setProperty('--on-accent', onAccent);
  // On dark ground a trace of the colour is left.
  style.setProperty('--page', `light-dark(${background}, color-mix(in oklab, ${background} 6%, #101312))`);
  style.setProperty('--on-page', `light-dark(${onBackground}, #e8eceb)`);
  style.setProperty('--radius', `${radius}px`);
  style.setProperty('--font', font);
}
