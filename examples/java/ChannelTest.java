import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import dev.manam.v1.AuthServiceOuterClass;
import dev.manam.v1.ManagementServiceOuterClass;
import dev.manam.v1.ProfileServiceOuterClass;
import dev.manam.v1.RecoveryServiceOuterClass;
import dev.manam.v1.TwoFactorServiceOuterClass;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** Holds the channel to the cases that the clients of every language share, in the file of POLICY_CASES. */
public final class ChannelTest {
  private static final List<FileDescriptor> FILES =
      List.of(
          AuthServiceOuterClass.getDescriptor(),
          TwoFactorServiceOuterClass.getDescriptor(),
          RecoveryServiceOuterClass.getDescriptor(),
          ProfileServiceOuterClass.getDescriptor(),
          ManagementServiceOuterClass.getDescriptor());

  private ChannelTest() {}

  private static void expect(Object found, Object wanted, String what) {
    if (!Objects.equals(found, wanted)) {
      throw new AssertionError(what + ": " + found + ", and not " + wanted);
    }
  }

  private static Value valueOf(Object plain) {
    if (plain instanceof Double) {
      return Value.newBuilder().setNumberValue((Double) plain).build();
    }
    if (plain instanceof List) {
      ListValue.Builder list = ListValue.newBuilder();
      ((List<?>) plain).forEach(each -> list.addValues(valueOf(each)));
      return Value.newBuilder().setListValue(list).build();
    }
    return Value.newBuilder().setStringValue((String) plain).build();
  }

  private static dev.manam.options.v1.Access ruleOf(String path) {
    String[] names = path.substring(1).split("/");
    return FILES.stream()
        .flatMap(file -> file.getServices().stream())
        .filter(service -> service.getFullName().equals(names[0]))
        .map(service -> Channel.ruleOf(service.findMethodByName(names[1])))
        .findFirst()
        .orElseThrow();
  }

  public static void main(String[] arguments) throws Exception {
    Struct.Builder cases = Struct.newBuilder();
    JsonFormat.parser().merge(Files.readString(Path.of(System.getenv("POLICY_CASES"))), cases);
    expect((double) Channel.DEADLINE_MS, cases.getFieldsOrThrow("deadlineMs").getNumberValue(), "the deadline");
    Struct.Builder policy = Struct.newBuilder();
    Channel.RETRY_POLICY.forEach((name, value) -> policy.putFields(name, valueOf(value)));
    expect(policy.build(), cases.getFieldsOrThrow("retryPolicy").getStructValue(), "the retry policy");
    List<Value> calls = cases.getFieldsOrThrow("calls").getListValue().getValuesList();
    for (Value each : calls) {
      var wanted = each.getStructValue();
      String call = wanted.getFieldsOrThrow("call").getStringValue();
      var rule = ruleOf(call);
      expect(Channel.isRetrySafe(rule), wanted.getFieldsOrThrow("retrySafe").getBoolValue(), call);
      expect(Channel.takesIdempotencyKey(rule), wanted.getFieldsOrThrow("idempotencyKey").getBoolValue(), call);
    }
    expect(calls.isEmpty(), false, "there are no cases");
    System.out.println("PASS: " + calls.size() + " calls are made as the contract says");
  }
}
