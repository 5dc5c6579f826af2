import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Signs files over sign.sock and writes FILE.sig beside each.
 *
 * <pre>java SignFile --entry contract --purpose contract contract.ofd</pre>
 *
 * <p>Exit status, as of signetctl: 0 all signed, 1 unexpected, 2 usage or bad input, 3 refused for
 * good, 4 refused for now, 6 no such entry, 7 signetd not reachable or gone before it answered, 9 HSM
 * not available. What was signed before a fault is written.
 */
public final class SignFile {

    private static final String USAGE = """
            usage: SignFile --entry ENTRY --purpose PURPOSE [options] FILE...
              --socket PATH      default $SIGNET_SIGN_SOCKET or /run/signet/sign/sign.sock
              --algorithm NAME   such as SM2-SM3; needed where the entry has several
              --request-id ID    a repeated id gives the recorded signatures; a second batch gets ID.2
              --timeout SECONDS  for one call, default 11
              --patience SECONDS for which refusals that pass are tried again, default 30""";

    private static final List<String> OPTIONS = List.of("socket", "entry", "purpose", "algorithm", "request-id", "timeout", "patience");

    private final Map<String, String> options = new HashMap<>();
    private final List<Path> files = new ArrayList<>();

    public static void main(String[] args) {
        System.exit(status(args));
    }

    private static int status(String[] args) {
        try {
            new SignFile(args).run();
            return 0;
        } catch (IOException e) { // says its file, and not always what is wrong with it
            return fail(2, e.toString());
        } catch (Exception e) {
            return fail(exitStatus(e), e.getMessage());
        }
    }

    private static int fail(int status, String why) {
        System.err.println("SignFile: " + why);
        return status;
    }

    private static int exitStatus(Exception e) {
        if (e instanceof SignetClient.Refused refused) {
            return switch (refused.code()) {
                case 200 -> 6;
                case 400, 401, 403 -> 9;
                case 900 -> 1;
                default -> refused.code() >= 100 && refused.code() < 200 ? 2 : refused.retry() == SignetClient.Retry.NEVER ? 3 : 4;
            };
        }
        if (e instanceof SignetClient.UnknownEntry) {
            return 6;
        }
        if (e instanceof SignetClient.Unreachable || e instanceof SignetClient.ConnectionLost) {
            return 7;
        }
        return e instanceof IllegalArgumentException ? 2 : 1;
    }

    private SignFile(String[] args) {
        for (int i = 0; i < args.length; i++) {
            if (!args[i].startsWith("--")) {
                files.add(Path.of(args[i]));
                continue;
            }
            String name = args[i].substring(2);
            if (!OPTIONS.contains(name) || i + 1 == args.length) {
                throw new IllegalArgumentException(args[i] + ": no such option, or its value is missing\n" + USAGE);
            }
            options.put(name, args[++i]);
        }
        if (files.isEmpty() || !options.containsKey("entry") || !options.containsKey("purpose")) {
            throw new IllegalArgumentException("--entry, --purpose and a file are required\n" + USAGE);
        }
    }

    private void run() throws Exception {
        String socket = System.getenv().getOrDefault("SIGNET_SIGN_SOCKET", "/run/signet/sign/sign.sock");
        // Without an id of the caller's, one for this run: a lost answer can be asked for again.
        String requestId = options.getOrDefault("request-id", UUID.randomUUID().toString());
        try (var client = new SignetClient(Path.of(options.getOrDefault("socket", socket)), seconds("timeout", 11))) {
            var entry = client.entry(options.get("entry"));
            var algorithm = algorithm(entry);
            int size = batchSize(algorithm, entry);
            for (int first = 0, number = 1; first < files.size(); first += size, number++) {
                List<Path> batch = files.subList(first, Math.min(files.size(), first + size));
                String id = number == 1 ? requestId : requestId + "." + number;
                keep(batch, client.signPatiently(request(entry, algorithm, batch, id), seconds("patience", 30)));
            }
        }
    }

    private Duration seconds(String option, int otherwise) {
        String text = options.getOrDefault(option, Integer.toString(otherwise));
        try {
            return Duration.ofMillis(Math.round(1000 * Double.parseDouble(text)));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--" + option + ": " + text + " is no number of seconds");
        }
    }

    private SignetClient.Algorithm algorithm(SignetClient.Entry entry) {
        String name = options.get("algorithm");
        if (name != null) {
            return Arrays.stream(SignetClient.Algorithm.values()).filter(a -> a.name().equals(name.replace('-', '_'))).findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("--algorithm: there is no " + name));
        }
        var only = entry.algorithms().size() == 1 ? SignetClient.Algorithm.of(entry.algorithms().get(0)) : null;
        if (only == null) {
            throw new IllegalArgumentException("--algorithm: entry " + entry.id() + " has " + entry.algorithms().size() + "; name one");
        }
        return only;
    }

    /** As many files as one request takes. A message travels whole, so it goes alone. */
    private static int batchSize(SignetClient.Algorithm algorithm, SignetClient.Entry entry) {
        return algorithm == SignetClient.Algorithm.ED25519 ? 1 : Math.max(1, Math.min(entry.batchMax(), SignetClient.MAX_INPUTS));
    }

    private SignetClient.SignRequest request(SignetClient.Entry entry, SignetClient.Algorithm algorithm, List<Path> batch, String id)
            throws IOException {
        List<SignetClient.Input> inputs = new ArrayList<>();
        for (Path file : batch) {
            inputs.add(SignetClient.inputFrom(algorithm, entry.publicKey(), file));
        }
        return new SignetClient.SignRequest(entry.id(), algorithm, inputs, SignetClient.Context.of(options.get("purpose")), id, false);
    }

    /** Writes what was signed; throws the first refusal after that. */
    private static void keep(List<Path> files, List<SignetClient.Result> results) throws SignetClient.Refused, IOException {
        SignetClient.Refused first = null;
        for (int i = 0; i < results.size(); i++) {
            if (results.get(i) instanceof SignetClient.Signed signed) {
                Path out = Path.of(files.get(i) + ".sig");
                write(out, signed.signature());
                System.out.println(out + " event=" + Long.toUnsignedString(signed.receipt().event()) + (signed.repeated() ? " repeated" : ""));
            } else if (results.get(i) instanceof SignetClient.Refused refused) {
                System.err.println("SignFile: " + files.get(i) + ": " + refused.getMessage());
                first = first == null ? refused : first;
            }
        }
        if (first != null) {
            throw first;
        }
    }

    /** Whole or not at all: whoever sees FILE.sig sees a signature. */
    private static void write(Path path, byte[] signature) throws IOException {
        Path temporary = Files.createTempFile(path.toAbsolutePath().getParent(), ".sig-", "");
        try {
            try (var out = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                out.write(ByteBuffer.wrap(signature));
                out.force(true);
            }
            Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rw-r--r--"));
            Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }
}
