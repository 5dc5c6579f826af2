import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Runs the golden vectors of the protocol through SignetClient, and its SM3 against the standard;
 * drives one client from many threads; and asks for an approval, and what became of it.
 *
 * <pre>
 * java SelfTest vectors ../../testdata/vectors
 * java SelfTest sm3 FILE...
 * java SelfTest stress SOCKET ENTRY PURPOSE THREADS COUNT
 * java SelfTest approval SOCKET ENTRY PURPOSE
 * </pre>
 */
public final class SelfTest {

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "vectors" -> System.exit(vectors(Path.of(args[1])));
            case "sm3" -> sm3(args);
            case "stress" -> stress(Path.of(args[1]), args[2], args[3], Integer.parseInt(args[4]), Integer.parseInt(args[5]));
            case "approval" -> System.exit(askForApproval(Path.of(args[1]), args[2], args[3]));
            default -> throw new IllegalArgumentException("want vectors, sm3, stress or approval");
        }
    }

    // --- vectors ----------------------------------------------------------

    private static final class Vector {
        final String name;
        String sender = "";
        long limit = SignetClient.MAX_REQUEST;
        final ByteArrayOutputStream stream = new ByteArrayOutputStream();
        final List<String> expect = new ArrayList<>();

        Vector(String name) {
            this.name = name;
        }
    }

    private static List<Vector> read(Path file) throws Exception {
        List<Vector> all = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            String[] words = (line + " ").split(" ", 2);
            String rest = words[1].strip();
            Vector v = all.isEmpty() ? null : all.get(all.size() - 1);
            switch (words[0]) {
                case "vector" -> all.add(new Vector(rest));
                case "from" -> v.sender = rest;
                case "limit" -> v.limit = Long.parseLong(rest);
                case "hex" -> v.stream.writeBytes(hex(rest));
                case "repeat" -> {
                    String[] count = rest.split(" ", 2);
                    byte[] piece = hex(count[1]);
                    for (int i = Integer.parseInt(count[0]); i > 0; i--) {
                        v.stream.writeBytes(piece);
                    }
                }
                case "expect" -> v.expect.add(rest);
                case "", "#", "why" -> { }
                default -> throw new IllegalArgumentException(file + ": " + line + ": not of the format");
            }
        }
        return all;
    }

    private static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits.replace(" ", ""));
    }

    private static int vectors(Path folder) throws Exception {
        int total = 0, wrong = 0;
        for (String name : List.of("frames", "replies", "sign-bad", "sign-good", "approval-bad", "approval-good")) {
            for (Vector v : read(folder.resolve(name + ".txt"))) {
                total++;
                List<String> got = v.sender.equals("daemon") ? outcomeOfDaemon(v) : outcomeOfCaller(v);
                if (!agrees(v, got) || name.endsWith("-good") && !encodes(v)) {
                    wrong++;
                    System.err.println(name + ": " + v.name + ":\n  got  " + String.join("\n       ", got) + "\n  want " + String.join("\n       ", v.expect));
                }
            }
        }
        checkSm2();
        checkBounds();
        System.out.println("selftest: " + (wrong == 0 ? "ok" : "FAILED") + " vectors=" + total + " wrong=" + wrong);
        return wrong == 0 && total >= 300 ? 0 : 1;
    }

    private static final List<String> KINDS = List.of("", "request", "reply", "part", "error", "cancel", "goaway");
    private static final List<String> METHODS = List.of("-", "Health", "Time", "ListEntries", "GetSeal", "Status", "Sign", "Stamp",
            "Verify", "Proof", "RequestApproval", "ApprovalStatus");

    private static String frameLine(int kind, int method, long call, int length) {
        String name = method < METHODS.size() ? METHODS.get(method) : "method(" + method + ")";
        return "frame " + KINDS.get(kind) + " " + name + " " + Long.toUnsignedString(call) + " " + length;
    }

    private static List<String> outcomeOfDaemon(Vector v) throws Exception {
        var reader = new SignetClient.FrameReader(Channels.newChannel(new ByteArrayInputStream(v.stream.toByteArray())));
        Lines lines = new Lines();
        try {
            for (var f = reader.next(); f != null; f = reader.next()) {
                lines.add(frameLine(f.kind, f.method, f.call, f.payload.length));
                reply(lines, f);
            }
            lines.add("end closed");
        } catch (SignetClient.BadAnswer | SignetClient.ConnectionLost e) {
            lines.add("end broken");
        }
        return lines;
    }

    /** What the client decoded of one frame. */
    private static void reply(Lines lines, SignetClient.Frame f) throws SignetClient.BadAnswer {
        if (f.kind == SignetClient.GOAWAY) {
            return;
        }
        if (f.kind == SignetClient.ERROR) {
            fault(lines, "", SignetClient.decodeFault(new SignetClient.Fields(f.payload)));
            return;
        }
        switch (f.method) {
            case SignetClient.HEALTH -> health(lines, SignetClient.decodeHealth(f.payload));
            case SignetClient.LIST_ENTRIES -> entries(lines, SignetClient.decodeEntries(f.payload));
            case SignetClient.SIGN -> results(lines, SignetClient.decodeSignReply(f.payload));
            case SignetClient.REQUEST_APPROVAL -> {
                var reply = SignetClient.decodeApprovalReply(f.payload);
                approval(lines, reply.approval());
                if (reply.receipt() != null) {
                    receipt(lines, "receipt.", reply.receipt());
                }
                lines.flag("repeated", reply.repeated());
            }
            case SignetClient.APPROVAL_STATUS -> approval(lines, SignetClient.decodeApprovalStatus(f.payload));
            default -> { // Time, which the client does not ask for
                var time = new SignetClient.Fields(f.payload);
                time.next();
                lines.time("now", SignetClient.instant(time.message()));
            }
        }
    }

    /** Lines of the format, for values that are set. */
    private static final class Lines extends ArrayList<String> {
        private static final long serialVersionUID = 1;

        void text(String path, String value) {
            if (!value.isEmpty()) {
                add("value " + path + " \"" + value + "\"");
            }
        }

        void number(String path, long value) {
            if (value != 0) {
                add("value " + path + " " + Long.toUnsignedString(value));
            }
        }

        void signed(String path, long value) {
            if (value != 0) {
                add("value " + path + " " + value);
            }
        }

        void flag(String path, boolean value) {
            if (value) {
                add("value " + path + " true");
            }
        }

        void bytes(String path, byte[] value) {
            if (value.length > 64) {
                add("value " + path + " bytes:" + value.length + ":sm3:" + HexFormat.of().formatHex(new SignetClient.Sm3().digest(value)));
            } else if (value.length > 0) {
                add("value " + path + " hex:" + HexFormat.of().formatHex(value));
            }
        }

        void time(String path, Instant value) {
            if (value != null) {
                number(path + ".seconds", value.getEpochSecond());
                number(path + ".nanos", value.getNano());
            }
        }
    }

    private static void health(Lines lines, SignetClient.Health h) {
        lines.text("mode", h.mode());
        lines.text("appliance", h.appliance());
        lines.text("version", h.version());
        for (int i = 0; i < h.features().size(); i++) {
            lines.text("features[" + i + "]", h.features().get(i));
        }
        lines.text("reason", h.reason());
        lines.time("now", h.now());
        lines.number("events", h.events());
        lines.number("frame_max", h.frameMax());
        lines.number("batch_max", h.batchMax());
        lines.number("request_id_hours", h.requestIdHours());
        lines.number("request_id_count", h.requestIdCount());
        for (int i = 0; i < h.tokens().size(); i++) {
            lines.text("tokens[" + i + "].name", h.tokens().get(i).name());
            lines.text("tokens[" + i + "].state", h.tokens().get(i).state());
            lines.text("tokens[" + i + "].reason", h.tokens().get(i).reason());
        }
    }

    private static void entries(Lines lines, List<SignetClient.Entry> entries) {
        for (int i = 0; i < entries.size(); i++) {
            var e = entries.get(i);
            String path = "entries[" + i + "].";
            lines.text(path + "id", e.id());
            lines.number(path + "class", e.entryClass());
            lines.text(path + "status", e.status());
            for (int k = 0; k < e.algorithms().size(); k++) {
                lines.number(path + "algorithms[" + k + "]", e.algorithms().get(k));
            }
            lines.bytes(path + "public_key", e.publicKey());
            for (int k = 0; k < e.purposes().size(); k++) {
                lines.text(path + "purposes[" + k + "]", e.purposes().get(k));
            }
            lines.number(path + "batch_max", e.batchMax());
        }
    }

    private static void results(Lines lines, List<SignetClient.Result> results) {
        for (int i = 0; i < results.size(); i++) {
            String path = "results[" + i + "]";
            if (results.get(i) instanceof SignetClient.Signed s) {
                signed(lines, path + ".signed.", s);
            } else if (results.get(i) instanceof SignetClient.Refused r) {
                fault(lines, path + ".error.", r.fault());
            } else {
                lines.add("value " + path + " {}");
            }
        }
    }

    private static void receipt(Lines lines, String path, SignetClient.Receipt r) {
        lines.text(path + "appliance", r.appliance());
        lines.number(path + "event", r.event());
        lines.bytes(path + "leaf_hash", r.leafHash());
        lines.number(path + "size", r.size());
        lines.bytes(path + "root", r.root());
    }

    private static void approval(Lines lines, SignetClient.Approval a) {
        int before = lines.size();
        lines.text("approval.id", a.id());
        lines.text("approval.entry", a.entry());
        lines.number("approval.state", a.state());
        lines.number("approval.form", a.form());
        lines.number("approval.count", a.count());
        lines.number("approval.used", a.used());
        lines.number("approval.persons", a.persons());
        lines.number("approval.granted", a.granted());
        lines.time("approval.not_before", a.notBefore());
        lines.time("approval.not_after", a.notAfter());
        lines.text("approval.reason", a.reason());
        lines.bytes("approval.request", a.request());
        if (lines.size() == before) {
            lines.add("value approval {}");
        }
    }

    private static void signed(Lines lines, String path, SignetClient.Signed s) {
        lines.bytes(path + "signature", s.signature());
        receipt(lines, path + "receipt.", s.receipt());
        lines.time(path + "decided", s.decided());
        lines.flag(path + "repeated", s.repeated());
    }

    private static void fault(Lines lines, String path, SignetClient.Fault f) {
        lines.number(path + "code", f.code);
        lines.text(path + "name", f.name);
        lines.text(path + "message", f.message);
        lines.text(path + "field", f.field);
        lines.text(path + "rule", f.rule);
        lines.number(path + "retry", f.retry);
        lines.time(path + "after", f.after);
        lines.number(path + "after_ms", f.afterMillis);
        if (f.event != null) {
            lines.add("value " + path + "event " + Long.toUnsignedString(f.event));
        }
        lines.flag(path + "counted", f.counted);
    }

    // --- requests, which a client only writes -----------------------------

    /** Name and type of each field: t text, b bytes, n number, s signed, f flag, B list of bytes, T Timestamp, C Context, I list of Input. */
    private static final Map<Integer, String> CONTEXT = Map.ofEntries(Map.entry(1, "t purpose"), Map.entry(2, "t doc_id"),
            Map.entry(3, "t doc_no"), Map.entry(4, "t doc_title"), Map.entry(5, "b doc_sm3"), Map.entry(6, "t user_id"),
            Map.entry(7, "t user_name"), Map.entry(8, "t dept"), Map.entry(9, "t client_ip"), Map.entry(10, "t approval_ref"),
            Map.entry(11, "n pages"));
    private static final Map<Integer, String> INPUT = Map.of(1, "b digest", 2, "b sm2_e", 3, "b message", 4, "b digest_as_message",
            5, "b document_hash", 6, "C context");
    private static final Map<Integer, String> SIGN = Map.of(1, "t entry", 2, "n algorithm", 3, "I inputs", 4, "C context",
            5, "t request_id", 6, "t approval", 7, "f partial", 8, "n deadline_ms", 9, "n form", 10, "f attributes");

    private static final Map<Integer, String> TIME = Map.of(1, "s seconds", 2, "n nanos");
    private static final Map<Integer, String> APPROVAL = Map.of(1, "t entry", 2, "C context", 3, "t justification", 4, "n form",
            5, "b refs_sm3", 6, "B digests", 7, "n count", 8, "T not_before", 9, "T not_after", 10, "t request_id");
    private static final Map<Integer, Map<Integer, String>> REQUESTS = Map.of(SignetClient.SIGN, SIGN,
            SignetClient.REQUEST_APPROVAL, APPROVAL, SignetClient.APPROVAL_STATUS, Map.of(1, "t approval"));

    private static final class UnknownField extends Exception {
        private static final long serialVersionUID = 1;
    }

    /** By field number: String, byte[], Long, a map, or a list of maps. */
    private static TreeMap<Integer, Object> decode(byte[] data, Map<Integer, String> schema) throws SignetClient.BadAnswer, UnknownField {
        for (var f = new SignetClient.Fields(data); f.next(); ) { } // first whether it is protobuf at all
        var out = new TreeMap<Integer, Object>();
        for (var f = new SignetClient.Fields(data); f.next(); ) {
            int number = f.tag() >>> 3;
            char type = schema.getOrDefault(number, "?").charAt(0);
            if (type == '?' || (f.tag() & 7) != ("nsf".indexOf(type) >= 0 ? 0 : 2)) {
                throw new UnknownField();
            }
            if (schema == INPUT && number <= 4) { // the oneof: the last counts
                out.headMap(5).clear();
            }
            store(out, number, type, f);
        }
        return out;
    }

    @SuppressWarnings("unchecked") // what stands under a number has the type of the schema
    private static void store(TreeMap<Integer, Object> out, int number, char type, SignetClient.Fields f)
            throws SignetClient.BadAnswer, UnknownField {
        switch (type) {
            case 't' -> out.put(number, f.text());
            case 'b' -> out.put(number, f.bytes());
            case 'B' -> ((List<Object>) out.computeIfAbsent(number, n -> new ArrayList<>())).add(f.bytes());
            case 'T' -> ((TreeMap<Integer, Object>) out.computeIfAbsent(number, n -> new TreeMap<>())).putAll(decode(f.bytes(), TIME));
            case 'I' -> ((List<Object>) out.computeIfAbsent(number, n -> new ArrayList<>())).add(decode(f.bytes(), INPUT));
            case 'C' -> ((TreeMap<Integer, Object>) out.computeIfAbsent(number, n -> new TreeMap<>())).putAll(decode(f.bytes(), CONTEXT));
            default -> out.put(number, f.value());
        }
    }

    @SuppressWarnings("unchecked")
    private static void show(Lines lines, String path, TreeMap<Integer, Object> message, Map<Integer, String> schema) {
        int before = lines.size();
        for (var e : message.entrySet()) {
            String where = path + (path.isEmpty() ? "" : ".") + schema.get(e.getKey()).substring(2);
            switch (schema.get(e.getKey()).charAt(0)) {
                case 't' -> lines.text(where, (String) e.getValue());
                case 'b' -> lines.bytes(where, (byte[]) e.getValue());
                case 'n' -> lines.number(where, (Long) e.getValue());
                case 's' -> lines.signed(where, (Long) e.getValue());
                case 'f' -> lines.flag(where, (Long) e.getValue() != 0);
                case 'T' -> show(lines, where, (TreeMap<Integer, Object>) e.getValue(), TIME);
                case 'B' -> {
                    var list = (List<byte[]>) e.getValue();
                    for (int i = 0; i < list.size(); i++) {
                        lines.bytes(where + "[" + i + "]", list.get(i));
                    }
                }
                case 'C' -> show(lines, where, (TreeMap<Integer, Object>) e.getValue(), CONTEXT);
                default -> {
                    var list = (List<TreeMap<Integer, Object>>) e.getValue();
                    for (int i = 0; i < list.size(); i++) {
                        show(lines, where + "[" + i + "]", list.get(i), INPUT);
                    }
                }
            }
        }
        if (lines.size() == before && !path.isEmpty()) {
            lines.add("value " + path + " {}");
        }
    }

    /**
     * What a daemon reads: its checks of headers, and its decoding. Which of the well-formed requests it
     * refuses, and as what, is the daemon's to judge.
     */
    private static List<String> outcomeOfCaller(Vector v) {
        ByteBuffer in = ByteBuffer.wrap(v.stream.toByteArray());
        Lines lines = new Lines();
        while (in.hasRemaining()) {
            if (in.remaining() < SignetClient.HEADER) {
                lines.add("end broken");
                return lines;
            }
            long length = in.getInt() & 0xFFFFFFFFL;
            int version = in.get(), kind = in.get() & 0xFF, method = in.getShort() & 0xFFFF;
            long call = in.getLong();
            long largest = method == 7 || method == 8 ? 1 << 20 : Math.min(v.limit, SignetClient.MAX_REQUEST);
            boolean fits = kind == SignetClient.CANCEL ? length == 0 : kind == SignetClient.REQUEST && length <= largest;
            if (version != 1 || !fits || in.remaining() < length) {
                lines.add("end broken");
                return lines;
            }
            byte[] payload = new byte[(int) length];
            in.get(payload);
            lines.add(frameLine(kind, method, call, payload.length));
            if (kind == SignetClient.REQUEST && REQUESTS.containsKey(method)) {
                request(lines, payload, REQUESTS.get(method));
            }
        }
        lines.add("end closed");
        return lines;
    }

    private static void request(Lines lines, byte[] payload, Map<Integer, String> schema) {
        try {
            show(lines, "", decode(payload, schema), schema);
        } catch (SignetClient.BadAnswer e) {
            lines.add("error 100 malformed");
        } catch (UnknownField e) {
            lines.add("error 102 unknown_field");
        }
    }

    private static boolean agrees(Vector v, List<String> got) {
        if (v.sender.equals("daemon")) {
            return got.equals(v.expect);
        }
        List<String> want = new ArrayList<>(v.expect);
        String error = want.stream().filter(line -> line.startsWith("error ")).findFirst().orElse(null);
        String found = got.stream().filter(line -> line.startsWith("error ")).findFirst().orElse(null);
        if (error != null) { // what was decoded of a refused request is nobody's
            if (found != null && !error.startsWith(found) || found == null && error.startsWith("error 102")
                    && REQUESTS.keySet().stream().anyMatch(method -> want.get(0).contains(" " + METHODS.get(method) + " "))) {
                return false;
            }
            want.removeIf(line -> line.startsWith("error "));
            got.removeIf(line -> line.startsWith("value ") || line.startsWith("error "));
        }
        if (want.stream().anyMatch(line -> line.startsWith("values "))) {
            long values = got.stream().filter(line -> line.startsWith("value ")).count();
            return want.equals(List.of(got.get(0), "values " + values, got.get(got.size() - 1)));
        }
        return got.equals(want);
    }

    /** The good requests: what the client writes says the same; an empty context is left out there. */
    private static boolean encodes(Vector v) throws Exception {
        byte[] all = v.stream.toByteArray();
        int method = all[7];
        var schema = REQUESTS.get(method);
        var message = decode(java.util.Arrays.copyOfRange(all, SignetClient.HEADER, all.length), schema);
        byte[] again = switch (method) {
            case SignetClient.SIGN -> SignetClient.encode(request(message), (Long) message.getOrDefault(8, 0L));
            case SignetClient.REQUEST_APPROVAL -> SignetClient.encode(approvalRequest(message));
            default -> SignetClient.encodeApprovalStatus((String) message.get(1));
        };
        Lines want = new Lines(), got = new Lines();
        show(want, "", message, schema);
        show(got, "", decode(again, schema), schema);
        want.removeIf(line -> line.endsWith(" {}"));
        got.removeIf(line -> line.endsWith(" {}"));
        return want.equals(got);
    }

    /** The same request as a user of SignetClient writes it. */
    @SuppressWarnings("unchecked")
    private static SignetClient.SignRequest request(TreeMap<Integer, Object> m) {
        List<SignetClient.Input> inputs = new ArrayList<>();
        for (var i : (List<TreeMap<Integer, Object>>) m.get(3)) {
            int kind = i.firstKey();
            inputs.add(new SignetClient.Input(SignetClient.Value.values()[kind - 1], (byte[]) i.get(kind), (byte[]) i.get(5), context(i.get(6))));
        }
        return new SignetClient.SignRequest((String) m.get(1), SignetClient.Algorithm.of(((Long) m.get(2)).intValue()), inputs,
                context(m.get(4)), (String) m.getOrDefault(5, ""), !Long.valueOf(0).equals(m.getOrDefault(7, 0L)), (String) m.getOrDefault(6, ""));
    }

    @SuppressWarnings("unchecked")
    private static SignetClient.ApprovalRequest approvalRequest(TreeMap<Integer, Object> m) {
        return new SignetClient.ApprovalRequest((String) m.get(1), context(m.get(2)), (String) m.get(3),
                SignetClient.ApprovalForm.of(((Long) m.get(4)).intValue()), (byte[]) m.get(5), (List<byte[]>) m.getOrDefault(6, List.of()),
                ((Long) m.getOrDefault(7, 0L)).intValue(), instant(m.get(8)), instant(m.get(9)), (String) m.getOrDefault(10, ""));
    }

    @SuppressWarnings("unchecked")
    private static Instant instant(Object message) {
        if (message == null) {
            return null;
        }
        var t = (TreeMap<Integer, Object>) message;
        return Instant.ofEpochSecond((Long) t.getOrDefault(1, 0L), (Long) t.getOrDefault(2, 0L));
    }

    @SuppressWarnings("unchecked")
    private static SignetClient.Context context(Object message) {
        if (message == null) {
            return null;
        }
        var c = (TreeMap<Integer, Object>) message;
        return new SignetClient.Context((String) c.get(1), (String) c.get(2), (String) c.get(3), (String) c.get(4), (byte[]) c.get(5),
                (String) c.get(6), (String) c.get(7), (String) c.get(8), (String) c.get(9), (String) c.get(10),
                ((Long) c.getOrDefault(11, 0L)).intValue());
    }

    // --- hashes and bounds ------------------------------------------------

    private static void checkSm2() {
        // GB/T 32905-2016 annex A.
        same("sm3 of abc", new SignetClient.Sm3().digest("abc".getBytes(StandardCharsets.US_ASCII)),
                "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        same("sm3 of 16 abcd", new SignetClient.Sm3().digest("abcd".repeat(16).getBytes(StandardCharsets.US_ASCII)),
                "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
        byte[] spki = ByteBuffer.allocate(91).put(SignetClient.SM2_SPKI).put(hex(
                "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13")).array();
        MessageDigest e = SignetClient.sm2Hash(spki);
        e.update("message digest".getBytes(StandardCharsets.US_ASCII));
        same("e of GM/T 0003.5 annex A", e.digest(), "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");
        mustRefuse(() -> SignetClient.sm2Hash(new byte[0]));
        spki[0]++;
        mustRefuse(() -> SignetClient.sm2Hash(spki));
    }

    private static void same(String what, byte[] got, String want) {
        if (!HexFormat.of().formatHex(got).equals(want)) {
            throw new AssertionError(what + " is " + HexFormat.of().formatHex(got) + ", want " + want);
        }
    }

    private static void checkBounds() {
        var digest = new SignetClient.Input(SignetClient.Value.DIGEST, new byte[32], null, null);
        var message = new SignetClient.Input(SignetClient.Value.MESSAGE, new byte[SignetClient.MAX_MESSAGE], null, null);
        var empty = new SignetClient.Input(SignetClient.Value.DIGEST, new byte[0], null, null);
        for (var inputs : List.of(List.<SignetClient.Input>of(), Collections.nCopies(300, digest), List.of(empty), List.of(message, message))) {
            var request = new SignetClient.SignRequest("k", SignetClient.Algorithm.ECDSA_P256_SHA256, inputs, null, "", false);
            mustRefuse(() -> SignetClient.encode(request, 0));
        }
        mustRefuse(() -> {
            try (var client = new SignetClient(Path.of("x"), Duration.ofSeconds(1))) {
                return client.signPatiently(new SignetClient.SignRequest("k", SignetClient.Algorithm.ED25519, List.of(digest), null, "", false), Duration.ZERO);
            }
        });
    }

    private static void mustRefuse(Callable<?> f) {
        try {
            f.call();
        } catch (IllegalArgumentException e) {
            System.out.println("refused as it must be: " + e.getMessage());
            return;
        } catch (Exception e) {
            throw new AssertionError("want IllegalArgumentException", e);
        }
        throw new AssertionError("not refused");
    }

    /** One line of hex for each file, in pieces of odd lengths: for another program to compare. */
    private static void sm3(String[] args) throws Exception {
        for (int i = 1; i < args.length; i++) {
            byte[] data = Files.readAllBytes(Path.of(args[i]));
            MessageDigest h = new SignetClient.Sm3();
            for (int at = 0, n = 1; at < data.length; at += n, n = n * 3 % 257) {
                h.update(data, at, Math.min(n, data.length - at));
            }
            System.out.println(HexFormat.of().formatHex(h.digest()));
        }
    }

    // --- approvals --------------------------------------------------------

    /** Prints id and state, as the request and as the question answer them. */
    private static int askForApproval(Path socket, String entry, String purpose) throws InterruptedException {
        var context = new SignetClient.Context(purpose, "", "", "", null, "selftest", "", "", "", "", 0);
        var request = new SignetClient.ApprovalRequest(entry, context, "selftest", SignetClient.ApprovalForm.BY_COUNT, null, List.of(), 2,
                null, Instant.now().plus(Duration.ofHours(1)), "selftest.approval");
        try (var client = new SignetClient(socket, Duration.ofSeconds(11))) {
            var asked = client.requestApproval(request).approval();
            var now = client.approvalStatus(asked.id());
            System.out.println(asked.id() + " " + SignetClient.ApprovalState.of(asked.state()) + " " + SignetClient.ApprovalState.of(now.state()));
            return 0;
        } catch (SignetClient.SignetException e) {
            System.err.println("selftest: " + e.getMessage());
            return 1;
        }
    }

    // --- stress -----------------------------------------------------------

    /**
     * Signs from many threads over one connection and prints "DIGEST SIGNATURE" in hex for each. One more
     * thread is interrupted in its calls again and again, which must disturb nobody else.
     */
    private static void stress(Path socket, String entry, String purpose, int threads, int count) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        AtomicBoolean over = new AtomicBoolean();
        try (var client = new SignetClient(socket, Duration.ofSeconds(60))) {
            var disturbed = new FutureTask<Void>(() -> sufferInterrupts(client, over));
            Thread interrupted = new Thread(disturbed);
            interrupted.start();
            List<Future<List<String>>> done = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                int thread = t;
                done.add(pool.submit(() -> signMany(client, entry, purpose, thread, count, interrupted)));
            }
            for (var lines : done) {
                lines.get().forEach(System.out::println);
            }
            over.set(true);
            interrupted.interrupt();
            disturbed.get();
        } finally {
            pool.shutdownNow();
        }
    }

    private static List<String> signMany(SignetClient client, String entry, String purpose, int thread, int count, Thread disturbed) throws Exception {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest((thread + "." + i).getBytes(StandardCharsets.US_ASCII));
            var input = new SignetClient.Input(SignetClient.Value.DIGEST, digest, null, null);
            var request = new SignetClient.SignRequest(entry, SignetClient.Algorithm.ECDSA_P256_SHA256, List.of(input),
                    SignetClient.Context.of(purpose), "stress-" + thread + "." + i, false);
            var signed = (SignetClient.Signed) client.sign(request).get(0);
            lines.add(HexFormat.of().formatHex(digest) + " " + HexFormat.of().formatHex(signed.signature()));
            disturbed.interrupt();
        }
        return lines;
    }

    private static Void sufferInterrupts(SignetClient client, AtomicBoolean over) throws SignetClient.SignetException {
        while (!over.get()) {
            try {
                client.health();
            } catch (InterruptedException e) {
                // What this thread is for.
            }
        }
        return null;
    }
}
