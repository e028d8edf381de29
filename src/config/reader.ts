import { readFileSync } from 'node:fs';
import { type ConfigKey, type ConfigKeyName, configKeys, defaultInWords, type KeyOf } from './keys.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads declared keys. What is wrong with them is collected, so that all of it is reported at once. */
export type ConfigReader = {
  /** The value of a key, or its default; undefined where it has neither. */
  text(name: KeyOf<'text'>): string | undefined;
  integer(name: KeyOf<'integer'>): number;
  flag(name: KeyOf<'flag'>): boolean;
  /** Whether the environment sets a key. */
  isSet(name: ConfigKeyName): boolean;
  readonly mistakes: string[];
};

export function createReader(env: Environment, production: boolean): ConfigReader {
  const mistakes: string[] = [];

  function raw(name: ConfigKeyName): string | undefined {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') return value;
    const file = isSecret(name) ? env[`${name}_FILE`]?.trim() : undefined;
    if (file === undefined || file === '') return undefined;
    try {
      return readFileSync(file, 'utf8').trim();
    } catch {
      mistakes.push(`${name}_FILE must be a file that can be read`);
      return undefined;
    }
  }

  return {
    text(name) {
      const key: ConfigKey = configKeys[name];
      const value = raw(name);
      if (value === undefined && key.required && production)
        mistakes.push(`${name} is required in production`);
      return value ?? (key.kind === 'text' ? key.default : undefined);
    },
    integer(name) {
      const { min, max, development, default: standard }: IntegerOf = configKeys[name];
      const fallback = production ? standard : (development ?? standard);
      const value = Number(raw(name) ?? fallback);
      if (Number.isInteger(value) && value >= min && value <= max) return value;
      mistakes.push(`${name} must be a whole number from ${min} to ${max}`);
      return fallback;
    },
    flag(name) {
      const { development, default: standard }: FlagOf = configKeys[name];
      const value = raw(name) ?? String(production ? standard : (development ?? standard));
      if (value !== 'true' && value !== 'false') mistakes.push(`${name} must be true or false`);
      return value === 'true';
    },
    isSet: (name) => raw(name) !== undefined,
    mistakes,
  };
}

type IntegerOf = Extract<ConfigKey, { readonly kind: 'integer' }>;
type FlagOf = Extract<ConfigKey, { readonly kind: 'flag' }>;

function isSecret(name: ConfigKeyName): boolean {
  return (configKeys[name] as ConfigKey).secret === true;
}

/** One key as `manam config` shows it. */
export type ConfigLine = {
  readonly key: string;
  /** The value; `(set)` for a secret, empty for none. */
  readonly value: string;
  readonly source: 'environment' | 'file' | 'default';
  readonly meaning: string;
};

/** Every key with its value and where that comes from. Secrets are not shown. */
export function describeConfig(env: Environment): ConfigLine[] {
  return Object.entries<ConfigKey>(configKeys).map(([name, key]) => {
    const set = env[name]?.trim() ?? '';
    const file = key.secret === true ? (env[`${name}_FILE`]?.trim() ?? '') : '';
    const source = set !== '' ? 'environment' : file !== '' ? 'file' : 'default';
    const shown = key.secret === true ? '(set)' : set;
    const value = source === 'default' ? defaultInWords(key).replaceAll('`', '') : shown;
    return { key: name, value, source, meaning: key.meaning.replaceAll('`', '') };
  });
}
