/** Deadline of the last export of spans. */
const shutdownMs = 3000;

/**
 * Begins to export traces as OpenTelemetry's standard variables say
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/),
 * and returns what ends it. The SDK is loaded only where traces are wanted: it is large.
 */
export async function startTracing(onError: (error: unknown) => void): Promise<() => Promise<void>> {
  const [{ NodeSDK }, resources] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/resources'),
  ]);
  const sdk = new NodeSDK({
    resource: resources.resourceFromAttributes({ 'service.name': 'manam' }),
    // The detector of the process would send its command line.
    resourceDetectors: [resources.hostDetector, resources.envDetector],
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  });
  sdk.start();
  return async () => {
    // Whether the collector is there must not decide how the service ends.
    const late = new Promise<void>((resolve) => setTimeout(resolve, shutdownMs).unref());
    await Promise.race([sdk.shutdown().catch((error: unknown) => onError(error)), late]);
  };
}
