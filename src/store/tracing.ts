import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('manam');

/**
 * Runs a statement inside a client span of the call that needs it. The span has the
 * statement's text, which holds placeholders, and never its values.
 */
export async function traceStatement<T>(sql: string, work: () => Promise<T>): Promise<T> {
  const parent = trace.getActiveSpan();
  // Work outside of calls, such as polling for messages, would make a trace each time.
  if (parent === undefined || !parent.isRecording()) return await work();
  const operation = /^\w+/.exec(sql)?.[0]?.toUpperCase() ?? 'SQL';
  const span = tracer.startSpan(operation, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'mysql', 'db.operation.name': operation, 'db.query.text': sql },
  });
  try {
    return await work();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
