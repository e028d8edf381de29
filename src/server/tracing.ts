import type { IncomingMessage, ServerResponse } from 'node:http';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { RequestInfo } from '../rpc/context.ts';

const tracer = trace.getTracer('manam');

/** The names of OpenTelemetry's semantic conventions. */
const rpcSystems = { grpc: 'grpc', 'grpc-web': 'grpc', connect: 'connect_rpc' } as const;

/**
 * Runs the work on a request inside a server span that continues the caller's trace
 * (W3C Trace Context). The span says what the log line says, and ends with the answer.
 * Where tracing is off, OpenTelemetry's API does nothing.
 */
export function traceRequest<T>(
  request: IncomingMessage,
  response: ServerResponse,
  info: RequestInfo,
  work: () => T,
): T {
  const parent = propagation.extract(context.active(), request.headers);
  const span = tracer.startSpan(request.method ?? 'request', { kind: SpanKind.SERVER }, parent);
  if (span.isRecording()) {
    info.traceId = span.spanContext().traceId;
    response.once('close', () => {
      const { procedure, protocol, requestId, tenantId, reason } = info;
      span.setAttributes({
        'http.request.method': request.method ?? '',
        'http.response.status_code': response.statusCode,
        'network.protocol.version': request.httpVersion,
        'manam.request_id': requestId,
        ...(tenantId !== undefined && { 'manam.tenant_id': tenantId }),
        ...(protocol !== undefined && { 'manam.protocol': protocol }),
        ...(reason !== undefined && { 'error.type': reason }),
      });
      if (procedure !== undefined) {
        const [service = '', method = ''] = procedure.split('/');
        span.updateName(procedure);
        span.setAttributes({
          ...(protocol !== undefined && protocol !== 'rest' && { 'rpc.system': rpcSystems[protocol] }),
          'rpc.service': service,
          'rpc.method': method,
        });
      }
      // A call that is refused is no failure of the server.
      const isOurs = reason === 'INTERNAL' || reason === 'UNAVAILABLE' || reason === 'DEADLINE_EXCEEDED';
      if (isOurs) span.setStatus({ code: SpanStatusCode.ERROR, message: reason });
      span.end();
    });
  }
  return context.with(trace.setSpan(parent, span), work);
}
