import com.google.protobuf.Descriptors.MethodDescriptor;
import dev.manam.options.v1.Access;
import dev.manam.options.v1.AccessOuterClass;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServiceDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A channel that calls as the contract says: with the key of a tenant, a deadline, retries and idempotency keys. */
final class Channel {
  /** The deadline of a call that has none of its own. */
  static final long DEADLINE_MS = 10_000;

  static final Map<String, Object> RETRY_POLICY =
      Map.of(
          "maxAttempts", 4.0,
          "initialBackoff", "0.1s",
          "maxBackoff", "2s",
          "backoffMultiplier", 2.0,
          "retryableStatusCodes", List.of("UNAVAILABLE"));

  private static final Metadata.Key<String> KEY = header("x-api-key");
  private static final Metadata.Key<String> IDEMPOTENCY_KEY = header("idempotency-key");

  private Channel() {}

  private static Metadata.Key<String> header(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /**
   * What the contract says of a call (manam/options/v1/access.proto), so that nothing here has to be kept in step with
   * the service.
   */
  static Access ruleOf(MethodDescriptor method) {
    return method.getOptions().getExtension(AccessOuterClass.access);
  }

  private static Access ruleOf(io.grpc.MethodDescriptor<?, ?> method) {
    return ruleOf(((ProtoMethodDescriptorSupplier) method.getSchemaDescriptor()).getMethodDescriptor());
  }

  /** Whether a call is repeated safely by a key that names it. */
  static boolean takesIdempotencyKey(Access rule) {
    return rule.getIdempotencyKey();
  }

  /** Whether a call may be sent again when its answer was lost. */
  static boolean isRetrySafe(Access rule) {
    return rule.getRetrySafe() || rule.getIdempotencyKey();
  }

  /** gRPC's own words for what is tried again, and how (gRFC A6). */
  private static Map<String, Object> serviceConfig(List<ServiceDescriptor> services) {
    List<Map<String, String>> names = new ArrayList<>();
    for (ServiceDescriptor service : services) {
      for (io.grpc.MethodDescriptor<?, ?> method : service.getMethods()) {
        if (isRetrySafe(ruleOf(method))) {
          names.add(Map.of("service", service.getName(), "method", method.getBareMethodName()));
        }
      }
    }
    return Map.of(
        "methodConfig", List.of(Map.of("name", names, "retryPolicy", RETRY_POLICY)),
        // Where most calls fail, trying again makes it worse.
        "retryThrottling", Map.of("maxTokens", 10.0, "tokenRatio", 0.1));
  }

  /** The interceptor that gives calls the key, an idempotency key that all attempts of a call share, and a deadline. */
  private static ClientInterceptor callsWith(String key) {
    return new ClientInterceptor() {
      @Override
      public <Q, A> ClientCall<Q, A> interceptCall(
          io.grpc.MethodDescriptor<Q, A> method, CallOptions given, io.grpc.Channel next) {
        // A stream stays open: the deadline of calls is none of its.
        boolean isLimited = method.getType() == MethodType.UNARY && given.getDeadline() == null;
        CallOptions options = isLimited ? given.withDeadlineAfter(DEADLINE_MS, TimeUnit.MILLISECONDS) : given;
        return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
          @Override
          public void start(Listener<A> listener, Metadata headers) {
            headers.put(KEY, key);
            if (takesIdempotencyKey(ruleOf(method))) {
              headers.put(IDEMPOTENCY_KEY, UUID.randomUUID().toString());
            }
            super.start(listener, headers);
          }
        };
      }
    };
  }

  /**
   * Opens a channel to a service, such as https://id.example.com, with a key of a tenant, for the calls of some services:
   * `AuthServiceGrpc.getServiceDescriptor()`.
   */
  static ManagedChannel open(String url, String key, ServiceDescriptor... services) {
    URI address = URI.create(url);
    boolean isSecure = "https".equals(address.getScheme());
    int port = address.getPort() != -1 ? address.getPort() : isSecure ? 443 : 80;
    ManagedChannelBuilder<?> builder = ManagedChannelBuilder.forAddress(address.getHost(), port);
    if (!isSecure) {
      builder.usePlaintext();
    }
    return builder
        .enableRetry()
        .defaultServiceConfig(serviceConfig(List.of(services)))
        .intercept(callsWith(key))
        .build();
  }
}
