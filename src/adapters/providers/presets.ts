import type { ConnectionKind } from '../../domain/connection.ts';
import { apple } from './apple.ts';
import { google } from './google.ts';
import { facebook, github, linkedin } from './oauth.ts';
import { manam, microsoft, oidc } from './openid.ts';
import type { Preset } from './preset.ts';

export const presets: Readonly<Record<ConnectionKind, Preset>> = {
  oidc,
  google,
  apple,
  microsoft,
  github,
  facebook,
  linkedin,
  manam,
};
