import { getOption } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { error as errorOption } from '../../gen/manam/options/v1/error_pb.js';
import { ErrorReasonSchema } from '../../gen/manam/v1/error_reason_pb.js';
import { type Reason, reasons } from '../domain/errors.ts';
import { type Locale, locales } from '../domain/locale.ts';

type Meaning = { readonly code: Code; readonly text: Readonly<Record<Locale, string>> };

const prefix = 'ERROR_REASON_';

/** The meaning of every reason, out of the contract; one that lacks a code or a text stops the server. */
const meanings = new Map<Reason, Meaning>(
  reasons.map((reason) => {
    const value = ErrorReasonSchema.values.find(({ name }) => name === prefix + reason);
    if (value === undefined) throw new Error(`the contract has no reason ${reason}`);
    const { code, message } = getOption(value, errorOption);
    const text = { en: message?.en ?? '', fa: message?.fa ?? '' };
    if (locales.some((locale) => text[locale] === '')) throw new Error(`reason ${reason} lacks a text`);
    // google.rpc.Code and Connect's Code share their numbers; the first also has OK.
    return [reason, { code: code === 0 ? Code.InvalidArgument : (code as number as Code), text }];
  }),
);

function meaningOf(reason: Reason): Meaning {
  const meaning = meanings.get(reason);
  if (meaning === undefined) throw new Error(`the contract has no reason ${reason}`);
  return meaning;
}

/** The code of a call that fails for this reason. */
export function codeOf(reason: Reason): Code {
  return meaningOf(reason).code;
}

/** The message for the caller, with its placeholders filled. */
export function textOf(
  reason: Reason,
  locale: Locale,
  metadata: Readonly<Record<string, string>> = {},
): string {
  return meaningOf(reason).text[locale].replace(/\{(\w+)\}/g, (_, name: string) => metadata[name] ?? '');
}
