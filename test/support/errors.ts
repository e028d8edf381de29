import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from '../../gen/google/rpc/error_details_pb.js';

/** The whole of an error, in a form that a test can compare. */
export type ErrorShape = {
  readonly code: string;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  /** Field → reason. */
  readonly fields?: Record<string, string>;
  readonly missingStep?: string;
  readonly retryable?: true;
};

/** Reads an error of any Connect transport. */
export function shapeOf(error: unknown): ErrorShape {
  if (!(error instanceof ConnectError)) throw error;
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const [precondition] = error.findDetails(PreconditionFailureSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  return {
    code: Code[error.code] ?? '',
    reason: info?.reason,
    domain: info?.domain,
    ...(bad && {
      fields: Object.fromEntries(bad.fieldViolations.map(({ field, reason }) => [field, reason])),
    }),
    ...(precondition && { missingStep: precondition.violations[0]?.subject ?? '' }),
    ...(retry && { retryable: true as const }),
  };
}

/** The error that a call ends with; a call that succeeds fails the test. */
export async function failureOf(call: Promise<unknown>): Promise<ErrorShape> {
  return shapeOf(await thrownBy(call));
}

export async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => error,
  );
}

/** The localized text of an error. */
export function localizedOf(error: unknown): { locale: string; message: string } | undefined {
  if (!(error instanceof ConnectError)) throw error;
  const [text] = error.findDetails(LocalizedMessageSchema);
  return text && { locale: text.locale, message: text.message };
}

/** The shape of an error of this service. */
export function failure(
  code: keyof typeof Code,
  reason: string,
  fields?: Record<string, string>,
): ErrorShape {
  return { code, reason, domain: 'manam', ...(fields && { fields }) };
}
