import com.google.protobuf.ListValue;
import com.google.protobuf.Message;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.ErrorInfo;
import dev.manam.v1.AuthServiceGrpc;
import dev.manam.v1.ConfirmEmailRequest;
import dev.manam.v1.EventServiceGrpc;
import dev.manam.v1.LoginRequest;
import dev.manam.v1.LoginResponse;
import dev.manam.v1.ProfileServiceGrpc;
import dev.manam.v1.RegisterRequest;
import dev.manam.v1.ViewUserRequest;
import dev.manam.v1.WatchEventsRequest;
import dev.manam.v1.WatchEventsResponse;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;
import java.time.Instant;
import java.util.Base64;
import java.util.Iterator;

/** Registers a user, signs them in, verifies their token without a call, and follows the events of the tenant. */
public final class Main {
  private static final String PASSWORD = "quiet-orbit-lantern-47";
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private Main() {}

  /** The reason of a failed call, such as CREDENTIALS_INVALID (docs/api/errors.md). */
  private static String reasonOf(StatusRuntimeException failure) throws Exception {
    for (var detail : StatusProto.fromThrowable(failure).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        return detail.unpack(ErrorInfo.class).getReason();
      }
    }
    return failure.getStatus().getCode().name();
  }

  private static <B extends Message.Builder> B read(String json, B into) throws Exception {
    JsonFormat.parser().merge(json, into);
    return into;
  }

  private static String get(String url) throws Exception {
    return HTTP.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString()).body();
  }

  /** The code of the mail that a development server has captured. */
  private static String confirmationOf(String server, String email) throws Exception {
    String json = get(server + "/dev/messages?to=" + email);
    return text(read(json, ListValue.newBuilder()).getValues(0).getStructValue(), "code");
  }

  private static String text(Struct json, String name) {
    return json.getFieldsOrDefault(name, Value.getDefaultInstance()).getStringValue();
  }

  private static byte[] decoded(String base64url) {
    return Base64.getUrlDecoder().decode(base64url);
  }

  private static Struct jsonOf(String part) throws Exception {
    return read(new String(decoded(part), StandardCharsets.UTF_8), Struct.newBuilder()).build();
  }

  /** The key of Ed25519 with an id, out of the public keys (RFC 8037, section 2). */
  private static PublicKey keyOf(String server, String id) throws Exception {
    Struct keys = read(get(server + "/.well-known/jwks.json"), Struct.newBuilder()).build();
    for (Value each : keys.getFieldsOrThrow("keys").getListValue().getValuesList()) {
      Struct key = each.getStructValue();
      if (!text(key, "kid").equals(id)) {
        continue;
      }
      byte[] point = decoded(text(key, "x"));
      // Little-endian, with the sign of the other coordinate in the last bit (RFC 8032, section 5.1.2).
      for (int low = 0, high = point.length - 1; low < high; low++, high--) {
        byte swapped = point[low];
        point[low] = point[high];
        point[high] = swapped;
      }
      boolean isOdd = (point[0] & 0x80) != 0;
      point[0] &= 0x7f;
      EdECPoint place = new EdECPoint(isOdd, new BigInteger(1, point));
      return KeyFactory.getInstance("Ed25519")
          .generatePublic(new EdECPublicKeySpec(NamedParameterSpec.ED25519, place));
    }
    throw new SecurityException("no such key");
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new SecurityException(otherwise);
    }
  }

  /** Verifies an access token with the public keys (RFC 9068) and returns its user. */
  private static String subjectOf(String server, String tenant, String token) throws Exception {
    String[] parts = token.split("\\.");
    require(parts.length == 3, "not a signed token");
    Struct header = jsonOf(parts[0]);
    require(text(header, "alg").equals("EdDSA"), "signed in another way");
    require(text(header, "typ").equals("at+jwt"), "not an access token");
    Signature signature = Signature.getInstance("Ed25519");
    signature.initVerify(keyOf(server, text(header, "kid")));
    signature.update((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
    require(signature.verify(decoded(parts[2])), "signed by someone else");
    Struct claims = jsonOf(parts[1]);
    require(text(claims, "aud").equals(tenant), "of another tenant");
    double end = claims.getFieldsOrThrow("exp").getNumberValue();
    require(end > Instant.now().getEpochSecond(), "over");
    return text(claims, "sub");
  }

  private static void follow(String server, String secretKey, String userId) {
    ManagedChannel trusted = Channel.open(server, secretKey, EventServiceGrpc.getServiceDescriptor());
    WatchEventsRequest wanted =
        WatchEventsRequest.newBuilder().addTypes("session.started").setFromStart(true).build();
    Iterator<WatchEventsResponse> events = EventServiceGrpc.newBlockingStub(trusted).watchEvents(wanted);
    while (events.hasNext()) {
      var event = events.next().getEvent();
      if (event.getUserId().equals(userId)) {
        System.out.println("event: " + event.getType());
        break;
      }
    }
    trusted.shutdownNow();
  }

  public static void main(String[] arguments) throws Exception {
    String server = System.getenv("MANAM_URL");
    String tenant = System.getenv("MANAM_TENANT");
    ManagedChannel channel =
        Channel.open(
            server,
            System.getenv("MANAM_KEY"),
            AuthServiceGrpc.getServiceDescriptor(),
            ProfileServiceGrpc.getServiceDescriptor());
    var auth = AuthServiceGrpc.newBlockingStub(channel);

    String email = "omid." + System.nanoTime() + "@example.com";
    auth.register(RegisterRequest.newBuilder().setEmail(email).setPassword(PASSWORD).build());
    LoginRequest login = LoginRequest.newBuilder().setEmail(email).setPassword(PASSWORD).build();
    try {
      auth.login(login);
    } catch (StatusRuntimeException failure) {
      System.out.println("before she has confirmed: " + reasonOf(failure));
    }
    auth.confirmEmail(ConfirmEmailRequest.newBuilder().setCnf(confirmationOf(server, email)).build());
    LoginResponse answer = auth.login(login);
    String token = answer.getTokens().getAccessToken();
    boolean isHers = subjectOf(server, tenant, token).equals(answer.getUserId());
    System.out.println("the token is that of the user: " + isHers);

    Metadata session = new Metadata();
    session.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
    var profile =
        ProfileServiceGrpc.newBlockingStub(channel)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(session));
    var user = profile.viewUser(ViewUserRequest.getDefaultInstance()).getUser();
    System.out.println("signed in: " + user.getEmail().equals(email));
    channel.shutdownNow();

    follow(server, System.getenv("MANAM_SECRET_KEY"), answer.getUserId());
  }
}
