import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Client of signet's sign.sock in one file: copy it. Java 17, no dependency.
 *
 * <pre>{@code
 * try (var client = new SignetClient(Path.of("/run/signet/sign/sign.sock"), Duration.ofSeconds(11))) {
 *     var entry = client.entry("contract");
 *     var input = SignetClient.inputFrom(Algorithm.SM2_SM3, entry.publicKey(), Path.of("contract.ofd"));
 *     var request = new SignRequest(entry.id(), Algorithm.SM2_SM3, List.of(input), Context.of("contract"), "contract-2026-17", false);
 *     for (Result r : client.signPatiently(request, Duration.ofSeconds(30))) {
 *         if (r instanceof Signed s) store(s.signature(), s.receipt().event());
 *         else throw (Refused) r;
 *     }
 * }
 * }</pre>
 *
 * <p>protocol.md is the specification; the sections named here are its. Safe for threads: make one
 * client for a process and share it; any number of calls travel on its one connection, which is made
 * when it is needed and made anew after an end. What the daemon sends is bounded and checked: an
 * answer that is not what the protocol promises is a {@link BadAnswer}, never a signature. Nothing
 * here verifies signatures: do that with the public key that you have on record.
 *
 * <p>中文要点：整个应用进程共用一个 SignetClient 即可（线程安全，单连接多路并发）。每次用印请用本系统的用印记录号作为
 * requestId：应答丢失时用同一个 requestId 重发，得到的是同一个签名，不会重复计数；切勿换号重发。
 * 文件不出本机：SM2 只发送 e = SM3(ZA‖M)。
 */
public final class SignetClient implements AutoCloseable {

    static final int HEADER = 16; // bytes
    static final int MAX_REQUEST = 64 << 10; // bytes of payload that the daemon takes
    static final int MAX_FRAME = 1 << 20; // bytes of payload that a daemon sends
    static final int MAX_ANSWER = 16 << 20; // bytes of one answer with its parts: 50 times the largest batch
    static final int MAX_SIGNATURE = 1024; // bytes; RSA-4096 has 512

    /** Inputs that one request takes at most. */
    public static final int MAX_INPUTS = 256;

    /** Bytes of a message at most. */
    public static final int MAX_MESSAGE = 48 << 10;

    static final int REQUEST = 1, REPLY = 2, PART = 3, ERROR = 4, CANCEL = 5, GOAWAY = 6;
    static final int HEALTH = 1, LIST_ENTRIES = 3, SIGN = 6, REQUEST_APPROVAL = 10, APPROVAL_STATUS = 11;
    private static final int RAW = 1; // the form: the signature itself
    private static final byte[] NOTHING = new byte[0];

    /**
     * Requests that the daemon takes in hand of one account (section 8); one more it answers busy. So
     * the others wait here, in their own time.
     */
    private static final int MAX_IN_FLIGHT = 64;

    private final Path socket;
    private final Duration timeout;
    private final Semaphore slots = new Semaphore(MAX_IN_FLIGHT, true);
    private final Set<Connection> connections = ConcurrentHashMap.newKeySet(); // to end with this client
    private Connection current; // guarded by this
    private boolean closed; // guarded by this

    /**
     * Connects with the first call, not here.
     *
     * @param timeout bounds each call with everything that it waits for
     */
    public SignetClient(Path socket, Duration timeout) {
        if (timeout.isNegative() || timeout.isZero()) {
            throw new IllegalArgumentException("timeout: want more than zero");
        }
        this.socket = Objects.requireNonNull(socket);
        this.timeout = timeout;
    }

    /** Ends all calls in flight with {@link Closed}. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        connections.forEach(c -> c.end(new Closed()));
    }

    /** In which mode the daemon is; answered in every mode. */
    public Health health() throws SignetException, InterruptedException {
        return decodeHealth(ask(HEALTH, NOTHING));
    }

    /** The entries whose policy names this account, with their public keys. */
    public List<Entry> listEntries() throws SignetException, InterruptedException {
        return decodeEntries(ask(LIST_ENTRIES, NOTHING));
    }

    /** One of {@link #listEntries}, or {@link UnknownEntry}. */
    public Entry entry(String id) throws SignetException, InterruptedException {
        for (Entry entry : listEntries()) {
            if (entry.id().equals(id)) {
                return entry;
            }
        }
        throw new UnknownEntry(id + " is no entry that this account may use");
    }

    /**
     * One result for each input, in their order.
     *
     * @throws Refused if the whole request was refused; without {@code partial}, the refusal of one
     *     input refuses all
     */
    public List<Result> sign(SignRequest request) throws SignetException, InterruptedException {
        byte[] answer = call(SIGN, encode(request, deadlineMillis(timeout)), timeout);
        List<Result> results = decodeSignReply(answer);
        if (results.size() != request.inputs().size()) {
            throw new BadAnswer(results.size() + " results for " + request.inputs().size() + " inputs");
        }
        int unknown = results.indexOf(null);
        if (unknown >= 0) {
            throw new BadAnswer("result " + unknown + " is neither a signature nor an error");
        }
        return results;
    }

    /**
     * {@link #sign}, repeated as section 6 says, for at most {@code patience}. The request needs a
     * requestId: without one, a repeated request is a second use.
     *
     * <p>中文：推荐文档系统使用本方法。可重试的失败（忙、超时、重启、HSM 暂时不可用）自动用同一 requestId 重发；策略拒绝立即返回。
     */
    public List<Result> signPatiently(SignRequest request, Duration patience) throws SignetException, InterruptedException {
        if (request.requestId().isEmpty()) {
            throw new IllegalArgumentException("requestId: required, since a request without one must not be repeated");
        }
        long giveUp = System.nanoTime() + patience.toNanos();
        for (int attempt = 0; ; attempt++) {
            List<Result> results = null;
            SignetException fault;
            try {
                results = sign(request);
                fault = firstThatPasses(results);
            } catch (SignetException e) {
                fault = e;
            }
            if (fault == null) {
                return results;
            }
            Duration delay = fault.delay(attempt);
            if (delay == null || delay.compareTo(Duration.ofNanos(giveUp - System.nanoTime())) >= 0) {
                if (results != null) {
                    return results; // some were signed: their results are not thrown away
                }
                throw fault;
            }
            Thread.sleep(delay.toMillis());
        }
    }

    /**
     * Asks custodians for an approval. Nothing is repeated here: after {@link ConnectionLost} call it
     * again, with the same requestId.
     *
     * <p>中文：申请用印授权；由印章保管人审批，结果用 {@link #approvalStatus} 查询，用印时在 {@link SignRequest#approval} 中填写授权编号。
     */
    public ApprovalReply requestApproval(ApprovalRequest request) throws SignetException, InterruptedException {
        ApprovalReply reply = decodeApprovalReply(call(REQUEST_APPROVAL, encode(request), timeout));
        if (reply.approval().id().isEmpty() || !reply.approval().entry().equals(request.entry()) || reply.receipt() == null) {
            throw new BadAnswer("not an approval of entry " + request.entry() + " with the receipt of its record");
        }
        return reply;
    }

    /**
     * What became of an approval that this account asked for; any other is {@link Refused} (200).
     * Nobody waits here for custodians: ask every minute or so.
     */
    public Approval approvalStatus(String id) throws SignetException, InterruptedException {
        Approval approval = decodeApprovalStatus(ask(APPROVAL_STATUS, encodeApprovalStatus(id)));
        if (!approval.id().equals(id)) {
            throw new BadAnswer("approval " + approval.id() + ", asked for was " + id);
        }
        return approval;
    }

    private static SignetException firstThatPasses(List<Result> results) {
        for (Result r : results) {
            if (r instanceof Refused refused && refused.retry() != Retry.NEVER) {
                return refused;
            }
        }
        return null;
    }

    /**
     * The daemon gives up a second before we do (section 1, Deadlines), so that what is too late ends
     * in its answer and not in our doubt.
     */
    private static long deadlineMillis(Duration timeout) {
        long millis = timeout.toMillis();
        return Math.min(Integer.MAX_VALUE, Math.max(1, millis > 2000 ? millis - 1000 : millis / 2));
    }

    /** A call that changes nothing: what a restart took away is asked for again. */
    private byte[] ask(int method, byte[] payload) throws SignetException, InterruptedException {
        long begun = System.nanoTime();
        try {
            return call(method, payload, timeout);
        } catch (TimedOut e) {
            throw e;
        } catch (ConnectionLost e) {
            return call(method, payload, timeout.minusNanos(System.nanoTime() - begun));
        }
    }

    private byte[] call(int method, byte[] payload, Duration timeout) throws SignetException, InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        if (!slots.tryAcquire(timeout.toNanos(), TimeUnit.NANOSECONDS)) {
            throw new TimedOut(MAX_IN_FLIGHT + " other calls were in flight all the time");
        }
        try {
            for (int tries = 0; tries < 3; tries++) {
                byte[] answer = connection().ask(method, payload, deadline);
                if (answer != null) {
                    return answer;
                }
            }
            throw new Unreachable(socket + ": signetd ends connections before a request is sent");
        } finally {
            slots.release();
        }
    }

    private synchronized Connection connection() throws Closed {
        if (closed) {
            throw new Closed();
        }
        if (current == null || !current.takesCalls()) {
            current = new Connection(socket, connections);
        }
        return current;
    }

    // --- what is asked and answered ---------------------------------------

    /** The table of algorithms (section 3). */
    public enum Algorithm {
        SM2_SM3(1, "SM3"),
        ECDSA_P256_SHA256(2, "SHA-256"),
        ECDSA_P384_SHA384(3, "SHA-384"),
        RSA_PKCS1_SHA256(4, "SHA-256"),
        RSA_PKCS1_SHA384(5, "SHA-384"),
        RSA_PKCS1_SHA512(6, "SHA-512"),
        RSA_PSS_SHA256(7, "SHA-256"),
        RSA_PSS_SHA384(8, "SHA-384"),
        RSA_PSS_SHA512(9, "SHA-512"),
        ED25519(10, "");

        final int number;
        final String hash; // "" where the message itself is signed

        Algorithm(int number, String hash) {
            this.number = number;
            this.hash = hash;
        }

        /** The algorithm with that number, or null for one of a later version. */
        public static Algorithm of(int number) {
            return number >= 1 && number <= values().length ? values()[number - 1] : null;
        }
    }

    /** When the same request may be sent again, always with the same requestId. */
    public enum Retry {
        NEVER,
        AFTER,
        NOW;

        /** A number of a later version is not a permission to repeat. */
        static Retry of(long number) {
            return number == 2 ? AFTER : number == 3 ? NOW : NEVER;
        }
    }

    /**
     * What is recorded about the use; a policy may require some of it. Empty text, null and 0 are
     * absent.
     *
     * <p>中文：purpose 为用途（须在用印策略中列出），docId/docNo/docTitle 为文档标识、文号、标题，docSm3 为原文件 SM3。
     */
    public record Context(String purpose, String docId, String docNo, String docTitle, byte[] docSm3, String userId,
            String userName, String dept, String clientIp, String approvalRef, int pages) {

        /** A context that says the purpose alone. */
        public static Context of(String purpose) {
            return new Context(purpose, "", "", "", null, "", "", "", "", "", 0);
        }
    }

    /** Which of its values an input has. */
    public enum Value {
        DIGEST(1),
        SM2_E(2),
        MESSAGE(3),
        DIGEST_AS_MESSAGE(4);

        final int field;

        Value(int field) {
            this.field = field;
        }
    }

    /**
     * What one signature is over (section 3, Input). Arrays are not copied.
     *
     * @param documentHash recorded, not signed; may be null
     * @param context may be null; a field set here wins over the request's
     */
    public record Input(Value kind, byte[] value, byte[] documentHash, Context context) {
        public Input {
            Objects.requireNonNull(kind);
            Objects.requireNonNull(value);
        }
    }

    /**
     * What {@link #sign} asks.
     *
     * @param context may be null
     * @param requestId names your own record of the use; "" for none: a lost answer cannot be asked for
     *     again then
     * @param partial judge each input for itself: refusals become results
     * @param approval id of the approval that is used, where the policy asks for one; "" for none
     */
    public record SignRequest(String entry, Algorithm algorithm, List<Input> inputs, Context context, String requestId, boolean partial,
            String approval) {
        public SignRequest {
            inputs = List.copyOf(inputs);
            Objects.requireNonNull(requestId);
            Objects.requireNonNull(approval);
        }

        /** A request that uses no approval. */
        public SignRequest(String entry, Algorithm algorithm, List<Input> inputs, Context context, String requestId, boolean partial) {
            this(entry, algorithm, inputs, context, requestId, partial, "");
        }
    }

    /** What an approval is bound to (section 9). 授权所约束的对象：文件、引用摘要、待签值、次数。 */
    public enum ApprovalForm {
        BY_DOCUMENT,
        BY_REFERENCES,
        BY_DIGESTS,
        BY_COUNT;

        /** The form with that number, or null for one of a later version. */
        public static ApprovalForm of(int number) {
            return number >= 1 && number <= values().length ? values()[number - 1] : null;
        }
    }

    /** What became of a request for an approval. 待审批、已授权、已拒绝、已撤回、已过期。 */
    public enum ApprovalState {
        PENDING,
        GRANTED,
        DENIED,
        REVOKED,
        EXPIRED;

        /** The state with that number, or null for one of a later version. */
        public static ApprovalState of(int number) {
            return number >= 1 && number <= values().length ? values()[number - 1] : null;
        }
    }

    /**
     * What custodians are asked to approve, and shown (section 9). It is kept for ever in clear: the
     * context has purpose and userId, and neither docTitle, userName, clientIp nor approvalRef.
     *
     * @param refsSm3 for BY_REFERENCES, else null
     * @param digests for BY_DIGESTS, else empty
     * @param count uses; 0 is 1, or the number of digests
     * @param notBefore null: from now on
     * @param notAfter null: as long as the policy says
     * @param requestId names your own record of the request; "" for none: each asks for another approval then
     */
    public record ApprovalRequest(String entry, Context context, String justification, ApprovalForm form, byte[] refsSm3,
            List<byte[]> digests, int count, Instant notBefore, Instant notAfter, String requestId) {
        public ApprovalRequest {
            Objects.requireNonNull(entry);
            Objects.requireNonNull(context);
            Objects.requireNonNull(form);
            digests = List.copyOf(digests);
            Objects.requireNonNull(requestId);
        }
    }

    /**
     * An approval as it is now.
     *
     * @param state number: a later version may have more than {@link ApprovalState}
     * @param form number: a later version may have more than {@link ApprovalForm}
     * @param count uses that it is for
     * @param persons who must grant it
     * @param granted who have
     * @param notAfter the last instant
     * @param reason of who denied or revoked it
     * @param request SM3 of what custodians approve
     */
    public record Approval(String id, String entry, int state, int form, int count, int used, int persons, int granted,
            Instant notBefore, Instant notAfter, String reason, byte[] request) {}

    /**
     * The answer to {@link #requestApproval}.
     *
     * @param repeated this requestId asked for it before
     */
    public record ApprovalReply(Approval approval, Receipt receipt, boolean repeated) {}

    /** {@link Signed}, or the {@link Refused} of that input. */
    public sealed interface Result permits Signed, Refused {}

    /**
     * A signature whose record was durable before it left the daemon.
     *
     * @param signature DER for SM2 and ECDSA, else raw
     * @param decided may be null
     * @param repeated the recorded answer of an earlier request with this requestId
     */
    public record Signed(byte[] signature, Receipt receipt, Instant decided, boolean repeated) implements Result {}

    /** Where the use stands in the log. 审计日志中的位置（签章回执）。 */
    public record Receipt(String appliance, long event, byte[] leafHash, long size, byte[] root) {}

    /**
     * A key or seal that this account may use.
     *
     * @param entryClass 1 key, 2 seal
     * @param algorithms numbers: a later version may have more than {@link Algorithm}
     * @param publicKey DER SubjectPublicKeyInfo
     */
    public record Entry(String id, int entryClass, String status, List<Integer> algorithms, byte[] publicKey, List<String> purposes, int batchMax) {}

    /** What the daemon says of itself. */
    public record Health(String mode, String appliance, String version, List<String> features, String reason, Instant now,
            long events, int frameMax, int batchMax, int requestIdHours, int requestIdCount, List<TokenHealth> tokens) {}

    /** One token of the daemon. */
    public record TokenHealth(String name, String state, String reason) {}

    // --- errors -----------------------------------------------------------

    /** Why there is no signature. The subclasses say who is at fault. */
    public abstract static class SignetException extends Exception {
        private static final long serialVersionUID = 1;

        SignetException(String message, Throwable cause) {
            super(message, cause);
        }

        /** When the same request may be sent again. */
        public Retry retry() {
            return Retry.NEVER;
        }

        /** Of the same kind, with the stack of the thread that waited. */
        abstract SignetException again();

        /**
         * How long to wait before attempt + 1 (attempts count from 0), or null: do not repeat. Section
         * 6: NOW twice, then as AFTER; AFTER by what the daemon says, else 1 s doubled up to a minute;
         * up to a half at random, so that callers turned away together do not return together.
         */
        public Duration delay(int attempt) {
            if (retry() == Retry.NEVER) {
                return null;
            }
            if (retry() == Retry.NOW) {
                if (attempt < 2) {
                    return Duration.ZERO;
                }
                attempt -= 2;
            }
            Duration told = toldDelay();
            long millis = told != null ? told.toMillis() : Math.min(60_000, 1000L << Math.min(attempt, 6));
            return Duration.ofMillis(millis + ThreadLocalRandom.current().nextLong(Math.min(millis / 2, 30_000) + 1));
        }

        Duration toldDelay() {
            return null;
        }
    }

    /** Nobody listens at the path, or this account may not connect. Nothing was sent. */
    public static final class Unreachable extends SignetException {
        private static final long serialVersionUID = 1;

        Unreachable(String message) {
            super(message, null);
        }

        @Override
        public Retry retry() {
            return Retry.AFTER;
        }

        @Override
        SignetException again() {
            return new Unreachable(getMessage());
        }
    }

    /**
     * The connection ended before the answer, so nobody here knows whether it was carried out. Repeat
     * with the same requestId: the recorded signature comes back and nothing is spent again.
     *
     * <p>中文：结果未知。用同一个 requestId 重发；切勿换号。
     */
    public static class ConnectionLost extends SignetException {
        private static final long serialVersionUID = 1;

        ConnectionLost(String message) {
            super(message, null);
        }

        @Override
        public Retry retry() {
            return Retry.NOW;
        }

        @Override
        SignetException again() {
            return new ConnectionLost(getMessage());
        }
    }

    /** No answer in time: the same uncertainty. */
    public static final class TimedOut extends ConnectionLost {
        private static final long serialVersionUID = 1;

        TimedOut(String message) {
            super(message);
        }
    }

    /** The client was closed; whether a call in flight was carried out is unknown. */
    public static final class Closed extends SignetException {
        private static final long serialVersionUID = 1;

        Closed() {
            super("the client is closed", null);
        }

        @Override
        SignetException again() {
            return new Closed();
        }
    }

    /** listEntries does not have it: there is none, or its policy does not name this account. */
    public static final class UnknownEntry extends SignetException {
        private static final long serialVersionUID = 1;

        UnknownEntry(String message) {
            super(message, null);
        }

        @Override
        SignetException again() {
            return new UnknownEntry(getMessage());
        }
    }

    /** The answer breaks the protocol. Nothing of it is given out. Tell operations. */
    public static final class BadAnswer extends SignetException {
        private static final long serialVersionUID = 1;

        BadAnswer(String message) {
            super(message, null);
        }

        @Override
        SignetException again() {
            return new BadAnswer(getMessage());
        }
    }

    /**
     * The daemon's word on a request or on one input; see the table of codes (section 6).
     *
     * <p>中文：retry() 为 NEVER 时不要重试，把 code、rule 交给安全管理员；AFTER 时到 after() 之后再试；NOW 可立即重试。
     */
    public static final class Refused extends SignetException implements Result {
        private static final long serialVersionUID = 1;

        private final Fault fault;

        Refused(Fault fault) {
            super(text(fault), null);
            this.fault = fault;
        }

        public int code() {
            return fault.code;
        }

        /** The name of the code, such as {@code purpose}. */
        public String name() {
            return fault.name;
        }

        /** The field of the request that is at fault, as a path; "" for none. */
        public String field() {
            return fault.field;
        }

        /** The rule of the policy that refused; "" for none. */
        public String rule() {
            return fault.rule;
        }

        @Override
        public Retry retry() {
            return Retry.of(fault.retry);
        }

        /** From when on the request may be allowed, or null. */
        public Instant after() {
            return fault.after;
        }

        /** Milliseconds after which to try again, 0 if not said. */
        public long afterMillis() {
            return fault.afterMillis;
        }

        /** The record of this refusal in the log, if there is one. */
        public OptionalLong event() {
            return fault.event == null ? OptionalLong.empty() : OptionalLong.of(fault.event);
        }

        /** Whether it was counted with that event, an earlier refusal of the same kind. */
        public boolean counted() {
            return fault.counted;
        }

        @Override
        Duration toldDelay() {
            if (fault.after != null) {
                Duration left = Duration.between(Instant.now(), fault.after);
                return left.isNegative() ? Duration.ZERO : left;
            }
            return fault.afterMillis > 0 ? Duration.ofMillis(fault.afterMillis) : null;
        }

        @Override
        SignetException again() {
            return new Refused(fault);
        }

        Fault fault() {
            return fault;
        }

        private static String text(Fault f) {
            StringBuilder b = new StringBuilder(f.name).append(" (").append(f.code).append(')');
            b.append(f.field.isEmpty() ? "" : ": " + f.field);
            b.append(f.message.isEmpty() ? "" : ": " + f.message);
            b.append(f.rule.isEmpty() ? "" : " [rule " + f.rule + "]");
            b.append(f.after == null ? "" : " (again after " + f.after + ")");
            b.append(f.afterMillis == 0 ? "" : " (again in " + f.afterMillis + " ms)");
            b.setLength(Math.min(b.length(), 2000));
            // Texts of another process go to terminals and logs: no control
            // characters, no line ends, no characters that turn the writing around.
            return b.toString().replaceAll("[\\p{Cntrl}\\p{Cf}\\p{Zl}\\p{Zp}]", "?");
        }
    }

    /** The message Error as it was sent. */
    static final class Fault implements Serializable {
        private static final long serialVersionUID = 1;

        int code;
        String name = "", message = "", field = "", rule = "";
        long retry;
        Instant after;
        long afterMillis;
        Long event; // null: none; 0 is the first of a log
        boolean counted;
    }

    // --- the connection ---------------------------------------------------

    /** One request on its way. */
    private static final class Call {
        final long id;
        final int method;
        final byte[] frame;
        final ByteArrayOutputStream parts = new ByteArrayOutputStream(); // of the reader alone
        final CompletableFuture<byte[]> answer = new CompletableFuture<>(); // null: ended before it was sent
        boolean sent; // guarded by the connection

        Call(long id, int method, byte[] payload) {
            this.id = id;
            this.method = method;
            this.frame = frame(REQUEST, method, id, payload);
        }
    }

    /**
     * A connection has a thread that reads and one that writes. Callers never touch the channel: a
     * thread that is interrupted inside a channel closes it, and with it the calls of all others.
     */
    private static final class Connection {
        private static final byte[] END = new byte[0];

        private final Path path;
        private final Set<Connection> registry;
        private final SocketChannel channel;
        private final LinkedBlockingQueue<Object> outgoing = new LinkedBlockingQueue<>(); // Call, or the bytes of a cancel, or END

        // Guarded by this.
        private final Map<Long, Call> calls = new HashMap<>();
        private long lastId;
        private boolean leaving; // goaway was read: no new calls
        private SignetException ended;

        Connection(Path path, Set<Connection> registry) {
            this.path = path;
            this.registry = registry;
            try {
                channel = SocketChannel.open(StandardProtocolFamily.UNIX);
            } catch (IOException e) {
                throw new IllegalStateException("opening a unix socket: " + e.getMessage(), e);
            }
            registry.add(this);
            start("signet-reader", this::connectAndRead);
        }

        private static void start(String name, Runnable body) {
            Thread thread = new Thread(body, name);
            thread.setDaemon(true);
            thread.start();
        }

        synchronized boolean takesCalls() {
            return !leaving && ended == null;
        }

        /** The answer; null if the connection ended before the request was sent, so that another may have it. */
        byte[] ask(int method, byte[] payload, long deadline) throws SignetException, InterruptedException {
            Call call = begin(method, payload);
            if (call == null) {
                return null;
            }
            try {
                return call.answer.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                giveUp(call);
                throw new TimedOut("no answer in time");
            } catch (InterruptedException e) {
                giveUp(call);
                throw e;
            } catch (ExecutionException e) {
                throw ((SignetException) e.getCause()).again();
            }
        }

        private synchronized Call begin(int method, byte[] payload) {
            if (!takesCalls()) {
                return null;
            }
            Call call = new Call(++lastId, method, payload);
            calls.put(call.id, call);
            outgoing.add(call);
            return call;
        }

        /** Tells the daemon, if it has the request; takes it back, if not. */
        private synchronized void giveUp(Call call) {
            if (calls.remove(call.id) == null) {
                return; // answered meanwhile
            }
            if (call.sent) {
                outgoing.add(frame(CANCEL, 0, call.id, NOTHING));
            } else {
                outgoing.remove(call);
            }
        }

        private void write() {
            List<Object> taken = new ArrayList<>();
            try {
                while (true) {
                    taken.clear();
                    taken.add(outgoing.take());
                    outgoing.drainTo(taken, MAX_IN_FLIGHT); // what waits at the same moment goes together
                    ByteBuffer[] frames = frames(taken);
                    while (frames.length > 0 && frames[frames.length - 1].hasRemaining()) {
                        channel.write(frames);
                    }
                    if (taken.contains(END)) {
                        return;
                    }
                }
            } catch (IOException e) {
                // A daemon that closes says why first: the reader comes to
                // that, or to the end, and ends the calls.
            } catch (InterruptedException e) {
                end(new ConnectionLost("the writing thread was interrupted"));
            }
        }

        private synchronized ByteBuffer[] frames(List<Object> taken) {
            List<ByteBuffer> frames = new ArrayList<>();
            for (Object item : taken) {
                if (item instanceof Call call) {
                    if (calls.containsKey(call.id)) {
                        call.sent = true; // from here on its fate is unknown until it is answered
                        frames.add(ByteBuffer.wrap(call.frame));
                    }
                } else if (item != END) {
                    frames.add(ByteBuffer.wrap((byte[]) item));
                }
            }
            return frames.toArray(new ByteBuffer[0]);
        }

        private void connectAndRead() {
            try {
                // Blocking, and not on a caller's thread: while the daemon
                // restarts, connections wait in its backlog.
                channel.connect(UnixDomainSocketAddress.of(path));
            } catch (IOException | RuntimeException e) {
                end(new Unreachable(path + ": " + e.getMessage()));
                return;
            }
            start("signet-writer", this::write);
            try {
                FrameReader reader = new FrameReader(channel);
                for (Frame frame = reader.next(); frame != null; frame = reader.next()) {
                    take(frame);
                }
                end(new ConnectionLost("signetd closed the connection before the answer"));
            } catch (SignetException e) {
                end(e);
            } catch (Throwable e) { // whatever it is: nobody may wait for a reader that is gone
                end(new ConnectionLost("reading answers: " + e));
            }
        }

        /** Gives one frame to its call. What it throws ends the connection. */
        private synchronized void take(Frame f) throws SignetException {
            if (f.kind == GOAWAY) {
                goAway();
                return;
            }
            Call call = calls.get(f.call);
            if (call == null) {
                if (f.kind == ERROR && f.call == 0 && f.method == 0) {
                    throw refusal(f.payload); // of the connection
                }
                if (f.call <= 0 || f.call > lastId) {
                    throw new BadAnswer("an answer to call " + Long.toUnsignedString(f.call) + ", which was never made");
                }
                return; // of a call that was given up
            }
            if (call.method != f.method || !call.sent) {
                throw new BadAnswer("an answer of method " + f.method + " to call " + f.call + " of method " + call.method);
            }
            answer(call, f);
            if (leaving && calls.isEmpty()) {
                throw new ConnectionLost("signetd takes no more requests on this connection");
            }
        }

        private void answer(Call call, Frame f) throws BadAnswer {
            if (f.kind == ERROR) {
                calls.remove(call.id);
                call.answer.completeExceptionally(refusalOrBadAnswer(f.payload));
                return;
            }
            if (call.parts.size() + f.payload.length > MAX_ANSWER) {
                throw new BadAnswer("answer of more than " + MAX_ANSWER + " bytes");
            }
            call.parts.writeBytes(f.payload); // joined messages decode as one: section 1, Parts
            if (f.kind == REPLY) {
                calls.remove(call.id);
                call.answer.complete(call.parts.toByteArray());
            }
        }

        private static SignetException refusalOrBadAnswer(byte[] payload) {
            try {
                return refusal(payload);
            } catch (BadAnswer e) {
                return e;
            }
        }

        /** No request is read here any more: those not yet sent may go elsewhere; the others are still answered. */
        private void goAway() throws ConnectionLost {
            leaving = true;
            calls.values().removeIf(call -> !call.sent && call.answer.complete(null));
            if (calls.isEmpty()) {
                throw new ConnectionLost("signetd takes no more requests on this connection");
            }
        }

        /** Only the first fault counts: those that follow are its echo. */
        void end(SignetException fault) {
            synchronized (this) {
                if (ended != null) {
                    return;
                }
                ended = fault;
                for (Call call : calls.values()) {
                    if (call.sent || !(fault instanceof ConnectionLost)) {
                        call.answer.completeExceptionally(fault);
                    } else {
                        call.answer.complete(null);
                    }
                }
                calls.clear();
            }
            registry.remove(this);
            outgoing.add(END);
            try {
                channel.close();
            } catch (IOException e) {
                // Nothing is waited for here any more.
            }
        }
    }

    // --- frames -----------------------------------------------------------

    /** One frame of a daemon. */
    static final class Frame {
        final int kind;
        final int method;
        final long call;
        final byte[] payload;

        Frame(int kind, int method, long call, byte[] payload) {
            this.kind = kind;
            this.method = method;
            this.call = call;
            this.payload = payload;
        }
    }

    private static byte[] frame(int kind, int method, long call, byte[] payload) {
        return ByteBuffer.allocate(HEADER + payload.length)
                .putInt(payload.length).put((byte) 1).put((byte) kind).putShort((short) method).putLong(call).put(payload).array();
    }

    /** Reads the frames of a daemon from a channel that blocks. */
    static final class FrameReader {
        private final ReadableByteChannel channel;
        private final ByteBuffer buffer = ByteBuffer.allocateDirect(64 << 10).limit(0);

        FrameReader(ReadableByteChannel channel) {
            this.channel = channel;
        }

        /**
         * The next frame, null at an end between frames; an end inside one is {@link ConnectionLost}
         * (the daemon ends a connection so when an entry changes while its signatures are on the way).
         * The length is judged before memory is taken for it.
         */
        Frame next() throws IOException, SignetException {
            byte[] bytes = new byte[HEADER];
            int got = read(bytes);
            if (got == 0) {
                return null;
            }
            if (got < HEADER) {
                throw new ConnectionLost("frame ends after " + got + " of the header's " + HEADER + " bytes");
            }
            ByteBuffer header = ByteBuffer.wrap(bytes);
            long length = header.getInt() & 0xFFFFFFFFL;
            int version = header.get() & 0xFF;
            int kind = header.get() & 0xFF;
            int method = header.getShort() & 0xFFFF;
            if (version != 1 || kind != REPLY && kind != PART && kind != ERROR && kind != GOAWAY) {
                throw new BadAnswer("frame of version " + version + " and kind " + kind + ": not from signetd");
            }
            if (length > MAX_FRAME) {
                throw new BadAnswer("frame of " + length + " bytes: at most " + MAX_FRAME);
            }
            byte[] payload = new byte[(int) length];
            got = read(payload);
            if (got < length) {
                throw new ConnectionLost("frame ends after " + got + " of the payload's " + length + " bytes");
            }
            return new Frame(kind, method, header.getLong(), payload);
        }

        /** Fills the array, or as much as comes before the end. */
        private int read(byte[] into) throws IOException {
            int got = 0;
            while (got < into.length) {
                if (!buffer.hasRemaining()) {
                    int n = channel.read(buffer.clear());
                    buffer.flip();
                    if (n < 0) {
                        break;
                    }
                }
                int n = Math.min(into.length - got, buffer.remaining());
                buffer.get(into, got, n);
                got += n;
            }
            return got;
        }
    }

    // --- protobuf, as far as it is needed ----------------------------------

    private static final int VARINT = 0, BYTES = 2; // wire types

    /** Writes one message. Absent and empty are the same in proto3. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        private void varint(long n) {
            for (; (n & ~0x7FL) != 0; n >>>= 7) {
                out.write((int) (n & 0x7F | 0x80));
            }
            out.write((int) n);
        }

        Message number(int field, long value) {
            if (value != 0) {
                varint((long) field << 3 | VARINT);
                varint(value);
            }
            return this;
        }

        Message bytes(int field, byte[] value) {
            return value == null || value.length == 0 ? this : item(field, value);
        }

        /** As bytes, but also when it is empty: an item of a list. */
        Message item(int field, byte[] value) {
            varint((long) field << 3 | BYTES);
            varint(value.length);
            out.writeBytes(value);
            return this;
        }

        Message text(int field, String value) {
            return value == null ? this : bytes(field, value.getBytes(StandardCharsets.UTF_8));
        }

        byte[] done() {
            return out.toByteArray();
        }
    }

    /** Throws IllegalArgumentException for what the daemon would refuse because of its size. */
    static byte[] encode(SignRequest r, long deadlineMillis) {
        int count = r.inputs().size();
        if (count < 1 || count > MAX_INPUTS) {
            throw new IllegalArgumentException(count + " inputs: a request takes 1 to " + MAX_INPUTS + "; send several requests");
        }
        Message m = new Message().text(1, r.entry()).number(2, r.algorithm().number);
        for (Input i : r.inputs()) {
            m.item(3, encode(i));
        }
        byte[] out = m.bytes(4, encode(r.context())).text(5, r.requestId()).text(6, r.approval()).number(7, r.partial() ? 1 : 0)
                .number(8, deadlineMillis).number(9, RAW).done();
        if (out.length > MAX_REQUEST) {
            throw new IllegalArgumentException("request of " + out.length + " bytes: at most " + MAX_REQUEST + "; send digests, or fewer inputs");
        }
        return out;
    }

    static byte[] encode(ApprovalRequest r) {
        Message m = new Message().text(1, r.entry()).bytes(2, encode(r.context())).text(3, r.justification())
                .number(4, r.form().ordinal() + 1).bytes(5, r.refsSm3());
        for (byte[] d : r.digests()) {
            m.item(6, d);
        }
        m.number(7, Integer.toUnsignedLong(r.count()));
        if (r.notBefore() != null) {
            m.item(8, encode(r.notBefore()));
        }
        if (r.notAfter() != null) {
            m.item(9, encode(r.notAfter()));
        }
        byte[] out = m.text(10, r.requestId()).done();
        if (out.length > MAX_REQUEST) {
            throw new IllegalArgumentException("request of " + out.length + " bytes: at most " + MAX_REQUEST);
        }
        return out;
    }

    static byte[] encodeApprovalStatus(String id) {
        return new Message().text(1, id).done();
    }

    private static byte[] encode(Instant at) {
        return new Message().number(1, at.getEpochSecond()).number(2, at.getNano()).done();
    }

    private static byte[] encode(Input i) {
        if (i.value().length == 0) {
            throw new IllegalArgumentException("an input's value is empty");
        }
        return new Message().item(i.kind().field, i.value()).bytes(5, i.documentHash()).bytes(6, encode(i.context())).done();
    }

    private static byte[] encode(Context c) {
        if (c == null) {
            return NOTHING;
        }
        return new Message().text(1, c.purpose()).text(2, c.docId()).text(3, c.docNo()).text(4, c.docTitle())
                .bytes(5, c.docSm3()).text(6, c.userId()).text(7, c.userName()).text(8, c.dept())
                .text(9, c.clientIp()).text(10, c.approvalRef()).number(11, c.pages()).done();
    }

    /**
     * Reads one message field by field. Who switches on the tag (number and wire type) skips the fields
     * of later versions by that.
     */
    static final class Fields {
        private final byte[] data;
        private int at;
        private final int end;
        private int tag;
        private long number; // of a varint
        private int start; // of a length-delimited field, which ends at at

        Fields(byte[] data) {
            this(data, 0, data.length);
        }

        private Fields(byte[] data, int at, int end) {
            this.data = data;
            this.at = at;
            this.end = end;
        }

        boolean next() throws BadAnswer {
            if (at == end) {
                return false;
            }
            readTag();
            skipValue(0);
            return true;
        }

        int tag() {
            return tag;
        }

        long value() {
            return number;
        }

        int uint32() {
            return (int) number;
        }

        byte[] bytes() {
            return Arrays.copyOfRange(data, start, at);
        }

        Fields message() {
            return new Fields(data, start, at);
        }

        String text() throws BadAnswer {
            try {
                return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data, start, at - start)).toString();
            } catch (CharacterCodingException e) {
                throw new BadAnswer("decoding answer: text that is not UTF-8");
            }
        }

        /** A repeated number comes packed or one by one; a reader takes both. */
        void numbers(List<Integer> into) throws BadAnswer {
            if ((tag & 7) == VARINT) {
                into.add(uint32());
                return;
            }
            for (Fields packed = message(); packed.at < packed.end; ) {
                into.add((int) packed.varint());
            }
        }

        private void readTag() throws BadAnswer {
            long t = varint();
            if (t >>> 32 != 0 || t >>> 3 == 0) {
                throw new BadAnswer("decoding answer: field number " + (t >>> 3));
            }
            tag = (int) t;
        }

        private void skipValue(int depth) throws BadAnswer {
            switch (tag & 7) {
                case VARINT -> number = varint();
                case 1 -> skip(8);
                case BYTES -> {
                    long length = varint();
                    start = at;
                    skip(length);
                }
                case 3 -> skipGroup(tag, depth);
                case 5 -> skip(4);
                default -> throw new BadAnswer("decoding answer: wire type " + (tag & 7) + " of field " + (tag >>> 3));
            }
        }

        private void skipGroup(int begin, int depth) throws BadAnswer {
            if (depth > 100) {
                throw new BadAnswer("decoding answer: groups nested too deep");
            }
            for (readTag(); tag != begin + 1; readTag()) { // wire type 3 opens, 4 closes
                skipValue(depth + 1);
            }
            tag = begin;
        }

        private void skip(long length) throws BadAnswer {
            if (length < 0 || length > end - at) {
                throw new BadAnswer("decoding answer: field " + (tag >>> 3) + " is longer than its message");
            }
            at += (int) length;
        }

        private long varint() throws BadAnswer {
            long value = 0;
            for (int shift = 0; shift < 70 && at < end; shift += 7) {
                byte b = data[at++];
                if (shift == 63 && (b & 0xFE) != 0) {
                    break;
                }
                value |= (long) (b & 0x7F) << shift;
                if (b >= 0) {
                    return value;
                }
            }
            throw new BadAnswer("decoding answer: a number is cut short or longer than 64 bits");
        }
    }

    static Instant instant(Fields f) throws BadAnswer {
        long seconds = 0, nanos = 0;
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | VARINT -> seconds = f.value();
                case 2 << 3 | VARINT -> nanos = f.uint32();
                default -> { }
            }
        }
        // The range of google.protobuf.Timestamp, years 1 to 9999.
        if (seconds < -62135596800L || seconds > 253402300799L || nanos < 0 || nanos > 999_999_999) {
            throw new BadAnswer("decoding answer: time of " + seconds + " s and " + nanos + " ns");
        }
        return Instant.ofEpochSecond(seconds, nanos);
    }

    static Fault decodeFault(Fields f) throws BadAnswer {
        Fault out = new Fault();
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | VARINT -> out.code = f.uint32();
                case 2 << 3 | BYTES -> out.name = f.text();
                case 3 << 3 | BYTES -> out.message = f.text();
                case 4 << 3 | BYTES -> out.field = f.text();
                case 5 << 3 | BYTES -> out.rule = f.text();
                case 6 << 3 | VARINT -> out.retry = f.value();
                case 7 << 3 | BYTES -> out.after = instant(f.message());
                case 8 << 3 | VARINT -> out.afterMillis = f.value() & 0xFFFFFFFFL;
                case 9 << 3 | VARINT -> out.event = f.value();
                case 10 << 3 | VARINT -> out.counted = f.value() != 0;
                default -> { }
            }
        }
        return out;
    }

    private static Refused refusal(byte[] payload) throws BadAnswer {
        return refusal(new Fields(payload));
    }

    private static Refused refusal(Fields f) throws BadAnswer {
        Fault fault = decodeFault(f);
        if (fault.code == 0) {
            throw new BadAnswer("decoding answer: an error without a code");
        }
        return new Refused(fault);
    }

    /** null stands for a result of a kind that this version does not know: no signature. */
    static List<Result> decodeSignReply(byte[] data) throws BadAnswer {
        List<Result> results = new ArrayList<>();
        for (Fields f = new Fields(data); f.next(); ) {
            if (f.tag() == (1 << 3 | BYTES)) {
                results.add(result(f.message()));
            }
        }
        return results;
    }

    private static Result result(Fields f) throws BadAnswer {
        Result result = null;
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | BYTES -> result = signed(f.message());
                case 3 << 3 | BYTES -> result = refusal(f.message());
                default -> { }
            }
        }
        return result;
    }

    private static Signed signed(Fields f) throws BadAnswer {
        byte[] signature = new byte[0];
        Receipt receipt = null;
        Instant decided = null;
        boolean repeated = false;
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | BYTES -> signature = f.bytes();
                case 2 << 3 | BYTES -> receipt = receipt(f.message());
                case 3 << 3 | BYTES -> decided = instant(f.message());
                case 4 << 3 | VARINT -> repeated = f.value() != 0;
                default -> { }
            }
        }
        if (signature.length == 0 || signature.length > MAX_SIGNATURE) {
            throw new BadAnswer("decoding answer: a signature of " + signature.length + " bytes");
        }
        if (receipt == null) {
            throw new BadAnswer("decoding answer: a signature without the receipt of its record");
        }
        return new Signed(signature, receipt, decided, repeated);
    }

    private static Receipt receipt(Fields f) throws BadAnswer {
        String appliance = "";
        long event = 0, size = 0;
        byte[] leafHash = new byte[0], root = new byte[0];
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | BYTES -> appliance = f.text();
                case 2 << 3 | VARINT -> event = f.value();
                case 3 << 3 | BYTES -> leafHash = f.bytes();
                case 4 << 3 | VARINT -> size = f.value();
                case 5 << 3 | BYTES -> root = f.bytes();
                default -> { }
            }
        }
        return new Receipt(appliance, event, leafHash, size, root);
    }

    static ApprovalReply decodeApprovalReply(byte[] data) throws BadAnswer {
        Approval approval = approval(new Fields(NOTHING));
        Receipt receipt = null;
        boolean repeated = false;
        for (Fields f = new Fields(data); f.next(); ) {
            switch (f.tag()) {
                case 1 << 3 | BYTES -> approval = approval(f.message());
                case 2 << 3 | BYTES -> receipt = receipt(f.message());
                case 3 << 3 | VARINT -> repeated = f.value() != 0;
                default -> { }
            }
        }
        return new ApprovalReply(approval, receipt, repeated);
    }

    static Approval decodeApprovalStatus(byte[] data) throws BadAnswer {
        Approval approval = approval(new Fields(NOTHING));
        for (Fields f = new Fields(data); f.next(); ) {
            if (f.tag() == (1 << 3 | BYTES)) {
                approval = approval(f.message());
            }
        }
        return approval;
    }

    private static Approval approval(Fields f) throws BadAnswer {
        String id = "", entry = "", reason = "";
        int[] numbers = new int[9]; // by field number
        Instant notBefore = null, notAfter = null;
        byte[] request = NOTHING;
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | BYTES -> id = f.text();
                case 2 << 3 | BYTES -> entry = f.text();
                case 3 << 3 | VARINT, 4 << 3 | VARINT, 5 << 3 | VARINT, 6 << 3 | VARINT, 7 << 3 | VARINT, 8 << 3 | VARINT ->
                    numbers[f.tag() >>> 3] = f.uint32();
                case 9 << 3 | BYTES -> notBefore = instant(f.message());
                case 10 << 3 | BYTES -> notAfter = instant(f.message());
                case 11 << 3 | BYTES -> reason = f.text();
                case 12 << 3 | BYTES -> request = f.bytes();
                default -> { }
            }
        }
        return new Approval(id, entry, numbers[3], numbers[4], numbers[5], numbers[6], numbers[7], numbers[8], notBefore, notAfter, reason, request);
    }

    static List<Entry> decodeEntries(byte[] data) throws BadAnswer {
        List<Entry> entries = new ArrayList<>();
        for (Fields f = new Fields(data); f.next(); ) {
            if (f.tag() == (1 << 3 | BYTES)) {
                entries.add(entry(f.message()));
            }
        }
        return entries;
    }

    private static Entry entry(Fields f) throws BadAnswer {
        String id = "", status = "";
        int entryClass = 0, batchMax = 0;
        byte[] publicKey = new byte[0];
        List<Integer> algorithms = new ArrayList<>();
        List<String> purposes = new ArrayList<>();
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | BYTES -> id = f.text();
                case 2 << 3 | VARINT -> entryClass = f.uint32();
                case 3 << 3 | BYTES -> status = f.text();
                case 4 << 3 | VARINT, 4 << 3 | BYTES -> f.numbers(algorithms);
                case 5 << 3 | BYTES -> publicKey = f.bytes();
                case 6 << 3 | BYTES -> purposes.add(f.text());
                case 7 << 3 | VARINT -> batchMax = f.uint32();
                default -> { }
            }
        }
        return new Entry(id, entryClass, status, List.copyOf(algorithms), publicKey, List.copyOf(purposes), batchMax);
    }

    static Health decodeHealth(byte[] data) throws BadAnswer {
        String[] texts = {"", "", "", "", "", ""}; // by field number
        int[] numbers = new int[12]; // by field number
        long events = 0;
        Instant now = null;
        List<String> features = new ArrayList<>();
        List<TokenHealth> tokens = new ArrayList<>();
        for (Fields f = new Fields(data); f.next(); ) {
            switch (f.tag()) {
                case 1 << 3 | BYTES, 2 << 3 | BYTES, 3 << 3 | BYTES, 5 << 3 | BYTES -> texts[f.tag() >>> 3] = f.text();
                case 4 << 3 | BYTES -> features.add(f.text());
                case 6 << 3 | BYTES -> now = instant(f.message());
                case 7 << 3 | VARINT -> events = f.value();
                case 8 << 3 | VARINT, 9 << 3 | VARINT, 10 << 3 | VARINT, 11 << 3 | VARINT -> numbers[f.tag() >>> 3] = f.uint32();
                case 12 << 3 | BYTES -> tokens.add(token(f.message()));
                default -> { }
            }
        }
        return new Health(texts[1], texts[2], texts[3], List.copyOf(features), texts[5], now, events,
                numbers[8], numbers[9], numbers[10], numbers[11], List.copyOf(tokens));
    }

    private static TokenHealth token(Fields f) throws BadAnswer {
        String[] texts = {"", "", "", ""}; // by field number
        while (f.next()) {
            switch (f.tag()) {
                case 1 << 3 | BYTES, 2 << 3 | BYTES, 3 << 3 | BYTES -> texts[f.tag() >>> 3] = f.text();
                default -> { }
            }
        }
        return new TokenHealth(texts[1], texts[2], texts[3]);
    }

    // --- what is signed ---------------------------------------------------

    private static final byte[] SM2_ID = "1234567812345678".getBytes(StandardCharsets.US_ASCII);

    /** a, b, xG, yG of the curve sm2p256v1, as they stand in ZA (GM/T 0003.5, GM/T 0003.2 5.5). */
    private static final byte[] SM2_CURVE = HexFormat.of().parseHex(
            "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
                    + "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
                    + "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
                    + "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0");

    /** SubjectPublicKeyInfo of an SM2 key up to the 64 bytes of its point. */
    static final byte[] SM2_SPKI = HexFormat.of().parseHex("3059301306072A8648CE3D020106082A811CCF5501822D03420004");

    /**
     * Reads a document once, in constant memory, into what is signed of it: e for SM2 (with the plain
     * SM3 for the record), the message for Ed25519, else the digest.
     *
     * <p>中文：文件内容不发送给签名服务。SM2 的 e 含 ZA（公钥取自 {@link Entry#publicKey}），不是裸 SM3(文件)。
     *
     * @param publicKey DER SubjectPublicKeyInfo of the entry
     */
    public static Input inputFrom(Algorithm algorithm, byte[] publicKey, InputStream document) throws IOException {
        switch (algorithm) {
            case ED25519 -> {
                byte[] message = document.readNBytes(MAX_MESSAGE + 1);
                if (message.length == 0 || message.length > MAX_MESSAGE) {
                    throw new IllegalArgumentException("ED25519 signs the document itself: 1 to " + MAX_MESSAGE + " bytes");
                }
                return new Input(Value.MESSAGE, message, null, null);
            }
            case SM2_SM3 -> {
                MessageDigest e = sm2Hash(publicKey), plain = new Sm3();
                hash(document, e, plain);
                return new Input(Value.SM2_E, e.digest(), plain.digest(), null);
            }
            default -> {
                MessageDigest digest = jdkHash(algorithm.hash);
                hash(document, digest);
                return new Input(Value.DIGEST, digest.digest(), null, null);
            }
        }
    }

    /** As above, of a file. */
    public static Input inputFrom(Algorithm algorithm, byte[] publicKey, Path document) throws IOException {
        try (InputStream in = Files.newInputStream(document)) {
            return inputFrom(algorithm, publicKey, in);
        }
    }

    private static void hash(InputStream in, MessageDigest... hashes) throws IOException {
        byte[] piece = new byte[64 << 10];
        for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
            for (MessageDigest h : hashes) {
                h.update(piece, 0, n);
            }
        }
    }

    private static MessageDigest jdkHash(String name) {
        try {
            return MessageDigest.getInstance(name);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JDK has no " + name, e);
        }
    }

    /** A hash with ZA in it: update it with the document, its digest is e (GM/T 0003.2 clause 6). */
    public static MessageDigest sm2Hash(byte[] publicKey) {
        int prefix = SM2_SPKI.length;
        if (publicKey.length != prefix + 64 || !Arrays.equals(SM2_SPKI, Arrays.copyOf(publicKey, prefix))) {
            throw new IllegalArgumentException("computing e: the public key is not an SM2 key");
        }
        Sm3 za = new Sm3();
        za.update(new byte[] {0, (byte) (8 * SM2_ID.length)}); // ENTL, in bits
        za.update(SM2_ID);
        za.update(SM2_CURVE);
        za.update(publicKey, prefix, 64);
        Sm3 e = new Sm3();
        e.update(za.digest());
        return e;
    }

    /** SM3 (GB/T 32905-2016), which the JDK does not have. Clauses are the standard's. */
    public static final class Sm3 extends MessageDigest {
        private static final int[] IV = { // 4.1
            0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e
        };

        private final int[] v = IV.clone();
        private final int[] w = new int[68];
        private final byte[] block = new byte[64];
        private long length; // bytes so far

        public Sm3() {
            super("SM3");
        }

        @Override
        protected int engineGetDigestLength() {
            return 32;
        }

        @Override
        protected void engineReset() {
            System.arraycopy(IV, 0, v, 0, 8);
            length = 0;
        }

        @Override
        protected void engineUpdate(byte b) {
            block[(int) (length++ & 63)] = b;
            if ((length & 63) == 0) {
                compress(block, 0);
            }
        }

        @Override
        protected void engineUpdate(byte[] in, int at, int n) {
            for (; n > 0 && (length & 63) != 0; n--) {
                engineUpdate(in[at++]);
            }
            for (; n >= 64; n -= 64, at += 64, length += 64) {
                compress(in, at);
            }
            for (; n > 0; n--) {
                engineUpdate(in[at++]);
            }
        }

        @Override
        protected byte[] engineDigest() {
            long bits = length * 8; // 5.2
            engineUpdate((byte) 0x80);
            while ((length & 63) != 56) {
                engineUpdate((byte) 0);
            }
            engineUpdate(ByteBuffer.allocate(8).putLong(bits).array(), 0, 8);
            ByteBuffer out = ByteBuffer.allocate(32);
            for (int word : v) {
                out.putInt(word);
            }
            engineReset();
            return out.array();
        }

        private void expand(byte[] in, int at) { // 5.3.2
            ByteBuffer words = ByteBuffer.wrap(in, at, 64);
            for (int j = 0; j < 16; j++) {
                w[j] = words.getInt();
            }
            for (int j = 16; j < 68; j++) {
                int x = w[j - 16] ^ w[j - 9] ^ Integer.rotateLeft(w[j - 3], 15);
                x ^= Integer.rotateLeft(x, 15) ^ Integer.rotateLeft(x, 23); // P1
                w[j] = x ^ Integer.rotateLeft(w[j - 13], 7) ^ w[j - 6];
            }
        }

        private void compress(byte[] in, int at) { // 5.3.3
            expand(in, at);
            int a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], f = v[5], g = v[6], h = v[7];
            for (int j = 0; j < 64; j++) {
                int t = Integer.rotateLeft(j < 16 ? 0x79cc4519 : 0x7a879d8a, j);
                int a12 = Integer.rotateLeft(a, 12);
                int ss1 = Integer.rotateLeft(a12 + e + t, 7);
                int ff = j < 16 ? a ^ b ^ c : a & b | a & c | b & c;
                int gg = j < 16 ? e ^ f ^ g : e & f | ~e & g;
                int tt1 = ff + d + (ss1 ^ a12) + (w[j] ^ w[j + 4]);
                int tt2 = gg + h + ss1 + w[j];
                d = c;
                c = Integer.rotateLeft(b, 9);
                b = a;
                a = tt1;
                h = g;
                g = Integer.rotateLeft(f, 19);
                f = e;
                e = tt2 ^ Integer.rotateLeft(tt2, 9) ^ Integer.rotateLeft(tt2, 17); // P0
            }
            int[] next = {a, b, c, d, e, f, g, h};
            for (int i = 0; i < 8; i++) {
                v[i] ^= next[i];
            }
        }
    }
}
