import type { PageSettings } from '../page-settings.ts';

export type { PageSettings };

/** What the server has put into the page's head. */
export function readSettings(): PageSettings {
  const content = document.querySelector('meta[name="manam"]')?.getAttribute('content') ?? '{}';
  return JSON.parse(content) as PageSettings;
}

/** Gives the page its tenant's colour, with a text on it that can be read. */
export function applyColor(color: string): void {
  if (color === '') return;
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(
    (at) => Number.parseInt(color.slice(at, at + 2), 16) / 255,
  );
  const linear = (part: number) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  // Relative luminance (WCAG 2.2): above this black text has the greater contrast.
  const luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const { style } = document.documentElement;
  style.setProperty('--accent', color);
  style.setProperty('--on-accent', luminance > 0.179 ? '#000' : '#fff');
}
