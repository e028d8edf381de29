import { codeToHttpStatus } from '@connectrpc/connect/protocol-connect';
import { DomainError } from '../domain/errors.ts';
import { negotiateLocale } from '../domain/locale.ts';
import type { ErrorDoor } from './error-door.ts';
import { pathOf, type Route, sendJson } from './handler.ts';
import { toFailure } from './rest-dialect.ts';

const form = /^(?:\/manam)?\/googlelogin\/[^/]+$/;

/** The browser's way into a sign-in with Google. It is part of the contract and not served yet. */
export function createGoogleLoginRoute(door: ErrorDoor): Route {
  return async (request, response, info) => {
    if (request.method !== 'GET' || !form.test(pathOf(request))) return 'go on';
    const locale = negotiateLocale(request.headers['accept-language'] ?? null);
    const error = door(new DomainError('NOT_IMPLEMENTED'), info, locale);
    const { status, body } = toFailure(error, codeToHttpStatus(error.code), 'unsuccess', (field) => field);
    return sendJson(response, status, body);
  };
}
