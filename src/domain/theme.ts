/** The fonts that a tenant can choose from: stacks of what devices have, so that no page loads one. */
export const themeFonts = {
  system: 'system-ui, "Segoe UI", "Noto Sans", "Noto Sans Arabic", Vazirmatn, sans-serif',
  humanist: 'Optima, Candara, "Noto Sans", "Noto Sans Arabic", Vazirmatn, sans-serif',
  serif: 'Charter, Georgia, "Noto Serif", "Noto Naskh Arabic", serif',
} as const;

export type ThemeFont = keyof typeof themeFonts;

/** How pages and mails look for a tenant. */
export type Branding = {
  /** The colour of buttons and links, as `#rrggbb`; empty: ours. */
  readonly color: string;
  /** The colour behind the sheet of a page or mail on light ground, as `#rrggbb`; empty: ours. */
  readonly background: string;
  /** A PNG, JPEG or WebP as a `data:` URL, so that no page loads anything of another host; empty: none. */
  readonly logo: string;
  /** The logo on dark ground; empty: the same. */
  readonly logoDark: string;
  /** The radius of corners, in CSS pixels. */
  readonly radius: number;
  readonly font: ThemeFont;
};

/** Branding with everything that follows from it. */
export type Theme = {
  readonly accent: string;
  /** Black or white, whichever contrasts more with the accent. */
  readonly onAccent: '#000000' | '#ffffff';
  /** The colour behind the sheet on light ground. */
  readonly background: string;
  /** Black or white, whichever contrasts more with the background. */
  readonly onBackground: '#000000' | '#ffffff';
  readonly radius: number;
  /** A `font-family`. */
  readonly font: string;
  readonly logo: string;
  readonly logoDark: string;
};

const ownAccent = '#0a6b5a';
const ownBackground = '#f6f7f7';

export const defaultBranding: Branding = {
  color: '',
  background: '',
  logo: '',
  logoDark: '',
  radius: 8,
  font: 'system',
};

/** The relative luminance of a colour such as `#0a6b5a` (WCAG 2.2, "relative luminance"). */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return channel <= 0.040_45 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio"). */
export function contrastOf(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** Black or white, whichever contrasts more with a colour. */
function textOn(color: string): '#000000' | '#ffffff' {
  return contrastOf(color, '#ffffff') >= contrastOf(color, '#000000') ? '#ffffff' : '#000000';
}

/** The theme of pages and mails. Text on either colour has a contrast of at least 4.5. */
export function themeOf({ color, background, logo, logoDark, radius, font }: Branding): Theme {
  const accent = color === '' ? ownAccent : color;
  const ground = background === '' ? ownBackground : background;
  return {
    accent,
    onAccent: textOn(accent),
    background: ground,
    onBackground: textOn(ground),
    radius,
    font: themeFonts[font],
    logo,
    logoDark: logoDark || logo,
  };
}
