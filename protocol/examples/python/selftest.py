#!/usr/bin/env python3
"""Runs the golden vectors of the protocol through signet.py, and the values of
GM/T 0003.5 and GB/T 32905 through its hashes.

    selftest.py ../../testdata/vectors
    selftest.py approval SOCKET ENTRY PURPOSE

The second asks for an approval, and what became of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import signet

KINDS = ["", "request", "reply", "part", "error", "cancel", "goaway"]
METHODS = ["-", "Health", "Time", "ListEntries", "GetSeal", "Status", "Sign", "Stamp", "Verify", "Proof", "RequestApproval", "ApprovalStatus"]


@dataclasses.dataclass
class Vector:
    name: str
    sender: str = ""
    limit: int = signet.MAX_REQUEST
    stream: bytes = b""
    expect: list[str] = dataclasses.field(default_factory=list)


def read_vectors(path: Path) -> list[Vector]:
    vectors: list[Vector] = []
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "vector":
            vectors.append(Vector(rest))
        elif word == "from":
            vectors[-1].sender = rest
        elif word == "limit":
            vectors[-1].limit = int(rest)
        elif word == "hex":
            vectors[-1].stream += bytes.fromhex(rest)
        elif word == "repeat":
            count, _, digits = rest.partition(" ")
            vectors[-1].stream += int(count) * bytes.fromhex(digits)
        elif word == "expect":
            vectors[-1].expect.append(rest)
        elif word not in ("", "#", "why"):
            raise SystemExit(f"{path}: {line!r} is not of the format")
    return vectors


# --- values of what the client decoded ------------------------------------


def show(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bytes):
        return f"hex:{value.hex()}" if len(value) <= 64 else f"bytes:{len(value)}:sm3:{hashlib.new('sm3', value).hexdigest()}"
    return "true" if value is True else str(value)


def walk(path: str, value: object) -> Iterator[str]:
    """A value of signet.py as the lines of the format, in the order of its fields."""
    if isinstance(value, signet.Timestamp):
        fields = value._asdict()
    elif dataclasses.is_dataclass(value):
        names = {"entry_class": "class"}
        fields = {names.get(f.name, f.name): getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        if value or path.endswith(".event") and value is not None and ".error." in path:
            yield f"value {path} {show(value)}"
        return
    before, dot = 0, "." if path else ""
    for name, item in fields.items():
        items = [(f"{path}{dot}{name}[{i}]", each) for i, each in enumerate(item)] if type(item) is tuple else [(path + dot + name, item)]
        for where, each in items:
            if each is not None:
                for line in walk(where, each):
                    before += 1
                    yield line
    if not before and path:
        yield f"value {path} {{}}"


FAULT_FIELDS = [f.name for f in dataclasses.fields(signet.Fault)]


def fault_of(refused: signet.Refused) -> signet.Fault:
    return signet.Fault(**{name: getattr(refused, name) for name in FAULT_FIELDS})


def result_lines(results: list[signet.Signed | signet.Refused | None]) -> Iterator[str]:
    for i, result in enumerate(results):
        match result:
            case signet.Signed():
                yield from walk(f"results[{i}].signed", result)
            case signet.Refused():
                yield from walk(f"results[{i}].error", fault_of(result))
            case None:
                yield f"value results[{i}] {{}}"


def reply_lines(frame: signet.Frame) -> Iterator[str]:
    if frame.kind == signet.GOAWAY:
        return
    if frame.kind == signet.ERROR:
        yield from walk("", signet.decode_fault(frame.payload))
    elif frame.method == signet.HEALTH:
        yield from walk("", signet.decode_health(frame.payload))
    elif frame.method == signet.LIST_ENTRIES:
        for i, entry in enumerate(signet.decode_entries(frame.payload)):
            yield from walk(f"entries[{i}]", entry)
    elif frame.method == signet.SIGN:
        yield from result_lines(signet.decode_sign_reply(frame.payload))
    elif frame.method == signet.REQUEST_APPROVAL:
        yield from walk("", signet.decode_approval_reply(frame.payload))
    elif frame.method == signet.APPROVAL_STATUS:
        yield from walk("approval", signet.decode_approval_status(frame.payload))
    else:  # Time, which the client does not ask for
        now = [v for n, v in signet.wire_fields(frame.payload) if n == 1]
        yield from walk("now", signet._timestamp(now[0]))


# --- values of requests, which a client only writes -----------------------

CONTEXT = {i: (f.name, str) for i, f in enumerate(dataclasses.fields(signet.Context), 1)} | {5: ("doc_sm3", bytes), 11: ("pages", int)}
INPUT = {1: ("digest", bytes), 2: ("sm2_e", bytes), 3: ("message", bytes), 4: ("digest_as_message", bytes), 5: ("document_hash", bytes), 6: ("context", CONTEXT)}
SIGN = {
    1: ("entry", str), 2: ("algorithm", int), 3: ("inputs[]", INPUT), 4: ("context", CONTEXT), 5: ("request_id", str),
    6: ("approval", str), 7: ("partial", bool), 8: ("deadline_ms", int), 9: ("form", int), 10: ("attributes", bool),
}

TIME = {1: ("seconds", int), 2: ("nanos", int)}
APPROVAL = {
    1: ("entry", str), 2: ("context", CONTEXT), 3: ("justification", str), 4: ("form", int), 5: ("refs_sm3", bytes), 6: ("digests[]", bytes),
    7: ("count", int), 8: ("not_before", TIME), 9: ("not_after", TIME), 10: ("request_id", str),
}
REQUESTS = {signet.SIGN: SIGN, signet.REQUEST_APPROVAL: APPROVAL, signet.APPROVAL_STATUS: {1: ("approval", str)}}


def decode_request(data: bytes, schema: dict) -> dict:
    """Name to value. Raises KeyError for a field that the schema does not have,
    which is what a daemon refuses (102), and BadAnswer for what is no protobuf."""
    out: dict = {}
    for number, value in list(signet.wire_fields(data)):  # first whether it is protobuf at all
        name, kind = schema[number]
        if value is None or (kind in (int, bool)) != isinstance(value, int):
            raise KeyError(name)
        if name == "seconds" and value >> 63:
            value -= 1 << 64  # the only number here that may be below 0
        if isinstance(kind, dict):
            value = decode_request(value, kind)
        elif kind in (str, bool):
            value = signet._text(value) if kind is str else value != 0
        if name.endswith("[]"):
            out.setdefault(name[:-2], []).append(value)
            continue
        if name in ("digest", "sm2_e", "message", "digest_as_message"):  # the oneof: the last counts
            for other in ("digest", "sm2_e", "message", "digest_as_message"):
                out.pop(other, None)
        if name == "context":
            value = out.get(name, {}) | value  # a message given twice is merged
        out[name] = value
    return out


def request_lines(path: str, message: dict, schema: dict) -> Iterator[str]:
    before, dot = 0, "." if path else ""
    for name, kind in (schema[number] for number in sorted(schema)):
        value = message.get(name.removesuffix("[]"))
        if value is None:
            continue
        for i, each in enumerate(value if name.endswith("[]") else [value]):
            where = path + dot + name.replace("[]", f"[{i}]")
            lines = request_lines(where, each, kind) if isinstance(kind, dict) else [f"value {where} {show(each)}"] if each else []
            for line in lines:
                before += 1
                yield line
    if not before and path:
        yield f"value {path} {{}}"


def to_request(m: dict) -> signet.SignRequest:
    """The same request as a user of signet.py writes it."""
    inputs = [signet.Input(**{**i, "context": signet.Context(**i["context"]) if "context" in i else None}) for i in m["inputs"]]
    context = signet.Context(**m["context"]) if "context" in m else None
    return signet.SignRequest(m["entry"], signet.Algorithm(m["algorithm"]), inputs, context, m.get("request_id", ""), m.get("partial", False), m.get("approval", ""))


def to_approval_request(m: dict) -> signet.ApprovalRequest:
    times = {name: signet.Timestamp(m[name].get("seconds", 0), m[name].get("nanos", 0)) for name in ("not_before", "not_after") if name in m}
    return signet.ApprovalRequest(**{**m, **times, "context": signet.Context(**m["context"]), "form": signet.ApprovalForm(m["form"])})


def encode_again(method: int, payload: bytes) -> list[str]:
    """The request through the client's encoder; an empty context is left out there."""
    m = decode_request(payload, REQUESTS[method])
    match method:
        case signet.SIGN:
            again = signet.encode_sign_request(to_request(m), m.get("deadline_ms", 0))
        case signet.REQUEST_APPROVAL:
            again = signet.encode_approval_request(to_approval_request(m))
        case _:
            again = signet.encode_approval_status(m["approval"])
    return list(request_lines("", decode_request(again, REQUESTS[method]), REQUESTS[method]))


def without_empty(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.endswith(" {}")]


# --- streams --------------------------------------------------------------


def frame_line(kind: int, method: int, call: int, length: int) -> str:
    name = METHODS[method] if method < len(METHODS) else f"method({method})"
    return f"frame {KINDS[kind]} {name} {call} {length}"


def reader(stream: bytes):
    rest = memoryview(stream)

    def read(n: int) -> bytes:
        nonlocal rest
        piece, rest = bytes(rest[:n]), rest[n:]
        return piece

    return read


def outcome_of_daemon(v: Vector) -> list[str]:
    read, lines = reader(v.stream), []
    while True:
        try:
            frame = signet.read_frame(read)
        except EOFError:
            return lines + ["end closed"]
        except (signet.BadAnswer, signet.ConnectionLost):
            return lines + ["end broken"]
        lines += [frame_line(*frame[:3], len(frame.payload)), *reply_lines(frame)]


def outcome_of_caller(v: Vector) -> list[str]:
    """What a daemon reads: its checks of headers, and its decoding. Which of the
    well-formed requests it refuses, and as what, is the daemon's to judge."""
    stream, lines = v.stream, []
    while stream:
        if len(stream) < signet.HEADER.size:
            return lines + ["end broken"]
        length, version, kind, method, call = signet.HEADER.unpack(stream[:16])
        largest = 1 << 20 if method in (7, 8) else min(v.limit, signet.MAX_REQUEST)
        fits = length == 0 if kind == signet.CANCEL else kind == signet.REQUEST and length <= largest
        if version != 1 or not fits or len(stream) < 16 + length:
            return lines + ["end broken"]
        payload, stream = stream[16 : 16 + length], stream[16 + length :]
        lines.append(frame_line(kind, method, call, length))
        if kind == signet.REQUEST and method in REQUESTS:
            lines += decoded_lines(payload, REQUESTS[method])
    return lines + ["end closed"]


def decoded_lines(payload: bytes, schema: dict) -> list[str]:
    try:
        return list(request_lines("", decode_request(payload, schema), schema))
    except signet.BadAnswer:
        return ["error 100 malformed"]
    except KeyError:
        return ["error 102 unknown_field"]


def expected(v: Vector) -> list[str]:
    """The lines of a caller's vector that outcome_of_caller gives, too."""
    return [line for line in v.expect if not line.startswith("error ")]


def agrees(v: Vector) -> bool:
    if v.sender == "daemon":
        return outcome_of_daemon(v) == v.expect
    got = outcome_of_caller(v)
    if any(line.startswith("values ") for line in v.expect):
        values = [line for line in got if line.startswith("value ")]
        got = [got[0], f"values {len(values)}", got[-1]]
    refused = [line for line in v.expect if line.startswith("error ")]
    if refused:  # what was decoded of a refused request is nobody's
        found = [line for line in got if line.startswith("error ")]
        if found and not refused[0].startswith(found[0]):
            return False
        if refused[0].startswith("error 102") and any(f" {METHODS[m]} " in v.expect[0] for m in REQUESTS) and not found:
            return False
        got = [line for line in got if not line.startswith(("value ", "error "))]
    return got == expected(v)


def encodes(v: Vector) -> bool:
    """The good requests: what the client writes says the same."""
    method, payload = v.stream[7], v.stream[16:]
    want = without_empty(decoded_lines(payload, REQUESTS[method]))
    return without_empty(encode_again(method, payload)) == want


# --- hashes and bounds ----------------------------------------------------


def check_sm2() -> None:
    spki = signet._SM2_SPKI + bytes.fromhex(
        "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    )
    e = signet.sm2_hash(spki)
    e.update(b"message digest")
    assert e.hexdigest().upper() == "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640", "e of GM/T 0003.5 annex A"
    for wrong in (b"", spki[:-1], spki + b"\0", b"\x31" + spki[1:]):
        must_refuse(lambda key=wrong: signet.sm2_hash(key))


def check_bounds() -> None:
    digest = signet.Input(digest=bytes(32))
    for inputs in ([], [digest] * 300, [signet.Input()], [signet.Input(digest=bytes(32), sm2_e=bytes(32))], [signet.Input(message=bytes(49152))] * 2):
        must_refuse(lambda i=inputs: signet.encode_sign_request(signet.SignRequest("k", signet.Algorithm.ECDSA_P256_SHA256, i), 0))
    must_refuse(lambda: signet.Timestamp.at(datetime(2026, 11, 22)))
    assert signet.Timestamp.at(datetime(1969, 12, 31, 23, 59, 58, 1, timezone.utc)) == (-2, 0), "a time before the epoch is cut downwards"
    must_refuse(lambda: signet.Client("x").sign_patiently(signet.SignRequest("k", signet.Algorithm.ED25519, [digest]), 1))


def must_refuse(f) -> None:
    try:
        f()
    except ValueError as fault:
        print(f"refused as it must be: {fault}")
        return
    raise AssertionError("not refused")


def ask_for_approval(socket: str, entry: str, purpose: str) -> int:
    """Prints id and state, as the request and as the question answer them."""
    request = signet.ApprovalRequest(
        entry, signet.Context(purpose=purpose, user_id="selftest"), "selftest", signet.ApprovalForm.BY_COUNT, count=2,
        not_after=signet.Timestamp.at(datetime.now(timezone.utc) + timedelta(hours=1)), request_id="selftest.approval",
    )
    try:
        with signet.Client(socket) as client:
            reply = client.request_approval(request)
            approval = client.approval_status(reply.approval.id)
    except signet.SignetError as fault:
        print(f"selftest: {fault}", file=sys.stderr)
        return 1
    print(reply.approval.id, signet.ApprovalState(reply.approval.state).name, signet.ApprovalState(approval.state).name)
    return 0


def main() -> int:
    if sys.argv[1] == "approval":
        return ask_for_approval(*sys.argv[2:])
    wrong = total = 0
    for path in sorted(Path(sys.argv[1]).glob("*.txt")):
        for v in read_vectors(path):
            total += 1
            if not agrees(v) or path.stem.endswith("-good") and not encodes(v):
                wrong += 1
                got = outcome_of_daemon(v) if v.sender == "daemon" else outcome_of_caller(v)
                print(f"{path.name}: {v.name}:\n  got  " + "\n       ".join(got) + "\n  want " + "\n       ".join(v.expect), file=sys.stderr)
    check_sm2()
    check_bounds()
    print(f"selftest: {'FAILED' if wrong else 'ok'} vectors={total} wrong={wrong}")
    return 1 if wrong or total < 300 else 0


if __name__ == "__main__":
    sys.exit(main())
