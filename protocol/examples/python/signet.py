"""Client of signet's sign.sock in one file: copy it. Python 3.11, standard library only.

    with signet.Client("/run/signet/sign/sign.sock") as client:
        entry = client.entry("contract")
        document = signet.input_from_file(signet.Algorithm.SM2_SM3, entry.public_key, "contract.ofd")
        request = signet.SignRequest(
            entry.id, signet.Algorithm.SM2_SM3, [document],
            context=signet.Context(purpose="contract"), request_id="contract-2026-17")
        signed = client.sign_patiently(request, patience=30)[0]

protocol.md is the specification; the sections named here are its. What the
daemon sends is bounded and checked: an answer that is not what the protocol
promises is a BadAnswer, never a signature. Nothing here verifies signatures:
do that with the public key that you have on record.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import BinaryIO, NamedTuple

DEFAULT_SOCKET = "/run/signet/sign/sign.sock"

VERSION = 1
HEADER = struct.Struct(">IBBHQ")  # length, version, kind, method, call id
MAX_REQUEST = 64 << 10  # bytes of payload that the daemon takes
MAX_FRAME = 1 << 20  # bytes of payload that a daemon sends
MAX_ANSWER = 16 << 20  # bytes of one answer with its parts: 50 times the largest batch
MAX_INPUTS = 256  # of one request
MAX_MESSAGE = 48 << 10  # bytes
MAX_SIGNATURE = 1024  # bytes; RSA-4096 has 512

REQUEST, REPLY, PART, ERROR, CANCEL, GOAWAY = 1, 2, 3, 4, 5, 6
HEALTH, LIST_ENTRIES, SIGN, REQUEST_APPROVAL, APPROVAL_STATUS = 1, 3, 6, 10, 11
RAW = 1  # the form: the signature itself


class Algorithm(IntEnum):
    SM2_SM3 = 1
    ECDSA_P256_SHA256 = 2
    ECDSA_P384_SHA384 = 3
    RSA_PKCS1_SHA256 = 4
    RSA_PKCS1_SHA384 = 5
    RSA_PKCS1_SHA512 = 6
    RSA_PSS_SHA256 = 7
    RSA_PSS_SHA384 = 8
    RSA_PSS_SHA512 = 9
    ED25519 = 10

    @property
    def hash_name(self) -> str:
        """The name of its hash for hashlib, "" where the message itself is signed."""
        return "" if self == Algorithm.ED25519 else self.name.split("_")[-1].lower()


class ApprovalForm(IntEnum):
    """What an approval is bound to (section 9)."""

    BY_DOCUMENT = 1  # context.doc_sm3
    BY_REFERENCES = 2  # refs_sm3
    BY_DIGESTS = 3  # digests
    BY_COUNT = 4  # nothing: any use, a number of times


class ApprovalState(IntEnum):
    PENDING = 1
    GRANTED = 2
    DENIED = 3
    REVOKED = 4
    EXPIRED = 5


class Retry(IntEnum):
    """When the same request may be sent again, always with the same request_id."""

    NEVER = 1
    AFTER = 2
    NOW = 3


# --- errors ---------------------------------------------------------------


class SignetError(Exception):
    """Why there is no signature. The subclasses say who is at fault."""

    retry = Retry.NEVER

    def delay(self, attempt: int) -> float | None:
        """Seconds to wait before attempt + 1 (attempts count from 0); None: do not repeat.

        Section 6, "How to retry": NOW twice, then as AFTER; AFTER by what the
        daemon says, else 1 s doubled up to a minute; up to a half at random,
        so that callers who were turned away together do not return together.
        """
        if self.retry == Retry.NEVER:
            return None
        if self.retry == Retry.NOW:
            if attempt < 2:
                return 0.0
            attempt -= 2
        told = self.told_delay()
        base = min(60.0, 2.0 ** min(attempt, 6)) if told is None else told
        return base + random.random() * min(base / 2, 30)

    def told_delay(self) -> float | None:
        return None


class Unreachable(SignetError):
    """Nobody listens at the path, or this account may not connect. Nothing was sent."""

    retry = Retry.AFTER


class ConnectionLost(SignetError):
    """The connection ended before the answer, so nobody here knows whether it was
    carried out. Repeat with the same request_id: the recorded signature comes back
    and nothing is spent again."""

    retry = Retry.NOW


class TimedOut(ConnectionLost):
    """No answer in time: the same uncertainty as ConnectionLost."""


class UnknownEntry(SignetError):
    """ListEntries does not have the entry: there is none, or its policy does not name this account."""


class BadAnswer(SignetError):
    """The answer breaks the protocol. Nothing of it is given out. Tell operations."""


class Refused(SignetError):
    """The daemon's word on a request or on one input; see the table of codes.

    code, name, message, field, rule: what and why; rule is the policy's.
    retry, after (UTC), after_ms: when the same request may be sent again.
    event: index of its record in the log, None if there is none.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.code, self.name, self.message = fault.code, fault.name, fault.message
        self.field, self.rule, self.after, self.after_ms = fault.field, fault.rule, fault.after, fault.after_ms
        self.event, self.counted = fault.event, fault.counted
        # A number of a later version is not a permission to repeat.
        self.retry = Retry(fault.retry) if fault.retry in list(Retry) else Retry.NEVER

    def told_delay(self) -> float | None:
        if self.after is not None:
            return max(0.0, (self.after.utc - datetime.now(timezone.utc)).total_seconds())
        return self.after_ms / 1000 if self.after_ms else None

    def __str__(self) -> str:
        parts = [f"{self.name} ({self.code})"]
        parts += [self.field] if self.field else []
        parts += [self.message] if self.message else []
        text = ": ".join(parts) + (f" [rule {self.rule}]" if self.rule else "")
        if self.after is not None:
            text += f" (again after {self.after.utc.isoformat()})"
        elif self.after_ms:
            text += f" (again in {self.after_ms} ms)"
        # Texts of another process go to terminals and logs: no control characters.
        return "".join(c if c.isprintable() else "?" for c in text[:2000])


# --- what is asked and answered -------------------------------------------


@dataclass(frozen=True)
class Context:
    """What is recorded about the use; a policy may require some of it."""

    purpose: str = ""
    doc_id: str = ""
    doc_no: str = ""
    doc_title: str = ""
    doc_sm3: bytes = b""
    user_id: str = ""
    user_name: str = ""
    dept: str = ""
    client_ip: str = ""
    approval_ref: str = ""
    pages: int = 0


@dataclass(frozen=True)
class Input:
    """What one signature is over: exactly one of the first four (section 3, Input)."""

    digest: bytes = b""
    sm2_e: bytes = b""
    message: bytes = b""
    digest_as_message: bytes = b""
    document_hash: bytes = b""  # recorded, not signed
    context: Context | None = None  # a field set here wins over the request's


@dataclass(frozen=True)
class SignRequest:
    """request_id names your own record of the use; without it a lost answer cannot be asked for again."""

    entry: str
    algorithm: Algorithm
    inputs: Sequence[Input]
    context: Context | None = None
    request_id: str = ""
    partial: bool = False  # judge each input for itself: refusals become results
    approval: str = ""  # id of the approval that is used, where the policy asks for one


class Timestamp(NamedTuple):
    seconds: int
    nanos: int = 0

    @classmethod
    def at(cls, when: datetime) -> Timestamp:
        """The whole second of a time that knows its zone."""
        if when.tzinfo is None:
            raise ValueError("a time without a zone: want for instance datetime.now(timezone.utc)")
        return cls((when - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1))

    @property
    def utc(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.seconds, microseconds=self.nanos // 1000)


@dataclass(frozen=True)
class ApprovalRequest:
    """What custodians are asked to approve, and shown (section 9). It is kept for
    ever in clear: context has purpose and user_id, and neither doc_title,
    user_name, client_ip nor approval_ref."""

    entry: str
    context: Context
    justification: str
    form: ApprovalForm
    refs_sm3: bytes = b""
    digests: Sequence[bytes] = ()
    count: int = 0  # uses; 0 is 1, or the number of digests
    not_before: Timestamp | None = None
    not_after: Timestamp | None = None
    request_id: str = ""  # names your own record of the request; without it, each asks for another approval


@dataclass(frozen=True)
class Approval:
    """What became of a request. state and form are plain numbers: a later version may have more."""

    id: str = ""
    entry: str = ""
    state: int = 0  # of ApprovalState
    form: int = 0  # of ApprovalForm
    count: int = 0  # uses that it is for
    used: int = 0
    persons: int = 0  # who must grant it
    granted: int = 0  # who have
    not_before: Timestamp | None = None
    not_after: Timestamp | None = None  # the last instant
    reason: str = ""  # of who denied or revoked it
    request: bytes = b""  # SM3 of what custodians approve


@dataclass(frozen=True)
class ApprovalReply:
    approval: Approval
    receipt: Receipt | None
    repeated: bool  # this request_id asked for it before


@dataclass(frozen=True)
class Receipt:
    """Where the use stands in the log. It was durable before the answer was sent."""

    appliance: str = ""
    event: int = 0
    leaf_hash: bytes = b""
    size: int = 0
    root: bytes = b""


@dataclass(frozen=True)
class Signed:
    signature: bytes
    receipt: Receipt
    decided: Timestamp | None
    repeated: bool  # the recorded answer of an earlier request with this request_id


@dataclass(frozen=True)
class Entry:
    """A key or seal that this account may use. public_key is a DER SubjectPublicKeyInfo."""

    id: str = ""
    entry_class: int = 0  # 1 key, 2 seal
    status: str = ""
    algorithms: tuple[int, ...] = ()  # plain numbers: a later version may have more
    public_key: bytes = b""
    purposes: tuple[str, ...] = ()
    batch_max: int = 0


@dataclass(frozen=True)
class TokenHealth:
    name: str = ""
    state: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Health:
    mode: str = ""
    appliance: str = ""
    version: str = ""
    features: tuple[str, ...] = ()
    reason: str = ""
    now: Timestamp | None = None
    events: int = 0
    frame_max: int = 0
    batch_max: int = 0
    request_id_hours: int = 0
    request_id_count: int = 0
    tokens: tuple[TokenHealth, ...] = ()


@dataclass
class Fault:
    """The message Error as it was sent; Refused is what is raised."""

    code: int = 0
    name: str = ""
    message: str = ""
    field: str = ""
    rule: str = ""
    retry: int = 0
    after: Timestamp | None = None
    after_ms: int = 0
    event: int | None = None
    counted: bool = False


# --- protobuf, as far as it is needed -------------------------------------


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _bytes_field(number: int, value: bytes | str, always: bool = False) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data if data or always else b""


def _int_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value) if value else b""


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            if value >> 64:
                break
            return value, at
    raise BadAnswer("decoding answer: a number is cut short or longer than 64 bits")


def wire_fields(data: bytes) -> Iterator[tuple[int, int | bytes | None]]:
    """Yields (number, value): an int for a varint, bytes for a length-delimited
    field, None for a type that no field here has. Who matches on number and type
    skips the fields of later versions by that."""
    at, groups = 0, []
    while at < len(data):
        outermost = not groups
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise BadAnswer(f"decoding answer: field number {number}")
        value: int | bytes | None = None
        if wire == 0:
            value, at = _read_varint(data, at)
        elif wire == 2:
            length, at = _read_varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 3 and len(groups) < 100:
            groups.append(number)
        elif wire != 4 or not groups or groups.pop() != number:
            raise BadAnswer(f"decoding answer: wire type {wire} of field {number}")
        if at > len(data):
            raise BadAnswer(f"decoding answer: field {number} is longer than its message")
        if outermost:
            yield number, value
    if groups:
        raise BadAnswer(f"decoding answer: group {groups[-1]} does not end")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadAnswer("decoding answer: text that is not UTF-8") from None


def _u32(value: int) -> int:
    return value & 0xFFFFFFFF


def _numbers(value: int | bytes) -> Iterator[int]:
    """A repeated number comes packed or one by one; a reader takes both."""
    if isinstance(value, int):
        yield _u32(value)
        return
    at = 0
    while at < len(value):
        n, at = _read_varint(value, at)
        yield _u32(n)


def _timestamp(data: bytes) -> Timestamp:
    seconds = nanos = 0
    for number, value in wire_fields(data):
        match number, value:
            case 1, int():
                seconds = value - (1 << 64) if value >> 63 else value
            case 2, int():
                nanos = _u32(value)
    # The range of google.protobuf.Timestamp, years 1 to 9999.
    if not -62135596800 <= seconds <= 253402300799 or nanos > 999_999_999:
        raise BadAnswer(f"decoding answer: time of {seconds} s and {nanos} ns")
    return Timestamp(seconds, nanos)


def _context(c: Context) -> bytes:
    texts = (c.purpose, c.doc_id, c.doc_no, c.doc_title, c.doc_sm3, c.user_id, c.user_name, c.dept, c.client_ip, c.approval_ref)
    return b"".join(_bytes_field(i, text) for i, text in enumerate(texts, 1)) + _int_field(11, c.pages)


def _input(i: Input) -> bytes:
    values = (i.digest, i.sm2_e, i.message, i.digest_as_message)
    if sum(map(bool, values)) != 1:
        raise ValueError("an input has exactly one of digest, sm2_e, message, digest_as_message")
    out = b"".join(_bytes_field(number, value) for number, value in enumerate(values, 1))
    out += _bytes_field(5, i.document_hash)
    return out + (_bytes_field(6, _context(i.context)) if i.context else b"")


def encode_sign_request(r: SignRequest, deadline_ms: int) -> bytes:
    """Raises ValueError for what the daemon would refuse because of its size."""
    if not 1 <= len(r.inputs) <= MAX_INPUTS:
        raise ValueError(f"{len(r.inputs)} inputs: a request takes 1 to {MAX_INPUTS}; send several requests")
    out = _bytes_field(1, r.entry) + _int_field(2, r.algorithm)
    out += b"".join(_bytes_field(3, _input(i), always=True) for i in r.inputs)
    out += _bytes_field(4, _context(r.context)) if r.context else b""
    out += _bytes_field(5, r.request_id) + _bytes_field(6, r.approval) + _int_field(7, r.partial)
    out += _int_field(8, deadline_ms) + _int_field(9, RAW)
    if len(out) > MAX_REQUEST:
        raise ValueError(f"request of {len(out)} bytes: at most {MAX_REQUEST}; send digests, or fewer inputs")
    return out


def encode_approval_request(r: ApprovalRequest) -> bytes:
    out = _bytes_field(1, r.entry) + _bytes_field(2, _context(r.context)) + _bytes_field(3, r.justification) + _int_field(4, r.form)
    out += _bytes_field(5, r.refs_sm3) + b"".join(_bytes_field(6, d, always=True) for d in r.digests) + _int_field(7, r.count)
    for number, at in ((8, r.not_before), (9, r.not_after)):
        if at is not None:  # the epoch has no bytes, and is a time
            out += _bytes_field(number, _int_field(1, at.seconds & (1 << 64) - 1) + _int_field(2, at.nanos), always=True)
    out += _bytes_field(10, r.request_id)
    if len(out) > MAX_REQUEST:
        raise ValueError(f"request of {len(out)} bytes: at most {MAX_REQUEST}")
    return out


def encode_approval_status(approval_id: str) -> bytes:
    return _bytes_field(1, approval_id)


def decode_fault(data: bytes) -> Fault:
    f = Fault()
    for number, value in wire_fields(data):
        match number, value:
            case 1, int():
                f.code = _u32(value)
            case 2 | 3 | 4 | 5, bytes():
                setattr(f, ("name", "message", "field", "rule")[number - 2], _text(value))
            case 6, int():
                f.retry = _u32(value)
            case 7, bytes():
                f.after = _timestamp(value)
            case 8, int():
                f.after_ms = _u32(value)
            case 9, int():
                f.event = value
            case 10, int():
                f.counted = value != 0
    return f


def _refusal(data: bytes) -> Refused:
    fault = decode_fault(data)
    if fault.code == 0:
        raise BadAnswer("decoding answer: an error without a code")
    return Refused(fault)


def _receipt(data: bytes) -> Receipt:
    out: dict[str, object] = {}
    for number, value in wire_fields(data):
        match number, value:
            case 1, bytes():
                out["appliance"] = _text(value)
            case 2 | 4, int():
                out["event" if number == 2 else "size"] = value
            case 3 | 5, bytes():
                out["leaf_hash" if number == 3 else "root"] = value
    return Receipt(**out)


def _signed(data: bytes) -> Signed:
    signature, receipt, decided, repeated = b"", None, None, False
    for number, value in wire_fields(data):
        match number, value:
            case 1, bytes():
                signature = value
            case 2, bytes():
                receipt = _receipt(value)
            case 3, bytes():
                decided = _timestamp(value)
            case 4, int():
                repeated = value != 0
    if not 0 < len(signature) <= MAX_SIGNATURE:
        raise BadAnswer(f"decoding answer: a signature of {len(signature)} bytes")
    if receipt is None:
        raise BadAnswer("decoding answer: a signature without the receipt of its record")
    return Signed(signature, receipt, decided, repeated)


def _result(data: bytes) -> Signed | Refused | None:
    result = None
    for number, value in wire_fields(data):
        match number, value:
            case 1, bytes():
                result = _signed(value)
            case 3, bytes():
                result = _refusal(value)
    return result


def decode_sign_reply(data: bytes) -> list[Signed | Refused | None]:
    """None stands for a result of a kind that this version does not know: no signature."""
    return [_result(value) for number, value in wire_fields(data) if number == 1 and isinstance(value, bytes)]


def _entry(data: bytes) -> Entry:
    out: dict[str, object] = {}
    algorithms: list[int] = []
    purposes: list[str] = []
    for number, value in wire_fields(data):
        match number, value:
            case 1 | 3, bytes():
                out["id" if number == 1 else "status"] = _text(value)
            case 2 | 7, int():
                out["entry_class" if number == 2 else "batch_max"] = _u32(value)
            case 4, int() | bytes():
                algorithms += _numbers(value)
            case 5, bytes():
                out["public_key"] = value
            case 6, bytes():
                purposes.append(_text(value))
    return Entry(algorithms=tuple(algorithms), purposes=tuple(purposes), **out)


def decode_entries(data: bytes) -> list[Entry]:
    return [_entry(value) for number, value in wire_fields(data) if number == 1 and isinstance(value, bytes)]


def _token(data: bytes) -> TokenHealth:
    texts = {n: _text(v) for n, v in wire_fields(data) if n in (1, 2, 3) and isinstance(v, bytes)}
    return TokenHealth(texts.get(1, ""), texts.get(2, ""), texts.get(3, ""))


_APPROVAL_NUMBERS = {3: "state", 4: "form", 5: "count", 6: "used", 7: "persons", 8: "granted"}


def _approval(data: bytes) -> Approval:
    out: dict[str, object] = {}
    for number, value in wire_fields(data):
        match number, value:
            case 1 | 2 | 11, bytes():
                out[{1: "id", 2: "entry", 11: "reason"}[number]] = _text(value)
            case 3 | 4 | 5 | 6 | 7 | 8, int():
                out[_APPROVAL_NUMBERS[number]] = _u32(value)
            case 9 | 10, bytes():
                out["not_before" if number == 9 else "not_after"] = _timestamp(value)
            case 12, bytes():
                out["request"] = value
    return Approval(**out)


def decode_approval_reply(data: bytes) -> ApprovalReply:
    approval, receipt, repeated = Approval(), None, False
    for number, value in wire_fields(data):
        match number, value:
            case 1, bytes():
                approval = _approval(value)
            case 2, bytes():
                receipt = _receipt(value)
            case 3, int():
                repeated = value != 0
    return ApprovalReply(approval, receipt, repeated)


def decode_approval_status(data: bytes) -> Approval:
    approvals = [value for number, value in wire_fields(data) if number == 1 and isinstance(value, bytes)]
    return _approval(approvals[-1]) if approvals else Approval()


_HEALTH_TEXTS = {1: "mode", 2: "appliance", 3: "version", 5: "reason"}
_HEALTH_NUMBERS = {8: "frame_max", 9: "batch_max", 10: "request_id_hours", 11: "request_id_count"}


def decode_health(data: bytes) -> Health:
    out: dict[str, object] = {}
    features: list[str] = []
    tokens: list[TokenHealth] = []
    for number, value in wire_fields(data):
        match number, value:
            case 1 | 2 | 3 | 5, bytes():
                out[_HEALTH_TEXTS[number]] = _text(value)
            case 4, bytes():
                features.append(_text(value))
            case 6, bytes():
                out["now"] = _timestamp(value)
            case 7, int():
                out["events"] = value
            case 8 | 9 | 10 | 11, int():
                out[_HEALTH_NUMBERS[number]] = _u32(value)
            case 12, bytes():
                tokens.append(_token(value))
    return Health(features=tuple(features), tokens=tuple(tokens), **out)


# --- frames ---------------------------------------------------------------


class Frame(NamedTuple):
    kind: int
    method: int
    call: int
    payload: bytes


def read_frame(read: Callable[[int], bytes]) -> Frame:
    """Reads one frame of a daemon. read(n) gives 1 to n bytes, b"" at the end.

    Raises EOFError between two frames, ConnectionLost inside one (the daemon
    ends a connection so when an entry changes while its signatures are on the
    way), BadAnswer for what is no frame. The length is judged before anything
    is read for it.
    """
    header = _read_exactly(read, HEADER.size)
    if not header:
        raise EOFError
    if len(header) < HEADER.size:
        raise ConnectionLost(f"frame ends after {len(header)} of the header's {HEADER.size} bytes")
    length, version, kind, method, call = HEADER.unpack(header)
    if version != VERSION or kind not in (REPLY, PART, ERROR, GOAWAY):
        raise BadAnswer(f"frame of version {version} and kind {kind}: not from signetd")
    if length > MAX_FRAME:
        raise BadAnswer(f"frame of {length} bytes: at most {MAX_FRAME}")
    payload = _read_exactly(read, length)
    if len(payload) < length:
        raise ConnectionLost(f"frame ends after {len(payload)} of the payload's {length} bytes")
    return Frame(kind, method, call, payload)


def _read_exactly(read: Callable[[int], bytes], n: int) -> bytes:
    out = bytearray()
    while len(out) < n:
        piece = read(min(n - len(out), 64 << 10))
        if not piece:
            break
        out += piece
    return bytes(out)


# --- the client -----------------------------------------------------------


class Client:
    """One connection to sign.sock, made when it is needed and made anew after an end.

    Safe for threads, which take turns: a call costs one round trip, so put what
    is ready into one request, or use a Client for each thread. timeout is in
    seconds and bounds each call with everything it waits for.
    """

    def __init__(self, path: str = DEFAULT_SOCKET, timeout: float = 11.0) -> None:
        if timeout <= 0:
            raise ValueError("timeout: want more than 0 seconds")
        self._path, self._timeout = path, timeout
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._pid = 0  # of the process that connected
        self._last_call = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def health(self, timeout: float | None = None) -> Health:
        """In which mode the daemon is; answered in every mode."""
        return decode_health(self._ask(HEALTH, timeout))

    def list_entries(self, timeout: float | None = None) -> list[Entry]:
        """The entries whose policy names this account, with their public keys."""
        return decode_entries(self._ask(LIST_ENTRIES, timeout))

    def entry(self, entry_id: str, timeout: float | None = None) -> Entry:
        """Raises UnknownEntry if it is not among list_entries."""
        for entry in self.list_entries(timeout):
            if entry.id == entry_id:
                return entry
        raise UnknownEntry(f"{entry_id!r} is no entry that this account may use")

    def sign(self, request: SignRequest, timeout: float | None = None) -> list[Signed | Refused]:
        """One result for each input, in their order: Signed, or the Refused of that
        input. Raises Refused if the whole request was refused."""
        seconds = self._timeout if timeout is None else timeout
        # The daemon gives up a second before we do (section 1, Deadlines), so
        # that what is too late ends in its answer and not in our doubt.
        deadline_ms = max(1, int(1000 * (seconds - 1 if seconds > 2 else seconds / 2)))
        answer = self._call(SIGN, encode_sign_request(request, deadline_ms), seconds)
        results = decode_sign_reply(answer)
        if len(results) != len(request.inputs):
            raise BadAnswer(f"{len(results)} results for {len(request.inputs)} inputs")
        if None in results:
            raise BadAnswer(f"result {results.index(None)} is neither a signature nor an error")
        return results

    def sign_patiently(self, request: SignRequest, patience: float, timeout: float | None = None) -> list[Signed | Refused]:
        """sign, repeated as section 6 says for at most patience seconds. The request
        needs a request_id: without one, a repeated request is a second use."""
        if not request.request_id:
            raise ValueError("request_id: required, since a request without one must not be repeated")
        give_up = time.monotonic() + patience
        for attempt in itertools.count():
            results: list[Signed | Refused] | None = None
            try:
                results = self.sign(request, timeout)
                fault = next((r for r in results if isinstance(r, Refused) and r.retry != Retry.NEVER), None)
            except SignetError as lost:
                fault = lost
            if fault is None:
                return results
            delay = fault.delay(attempt)
            if delay is None or time.monotonic() + delay >= give_up:
                if results is not None:
                    return results  # some were signed: their results are not thrown away
                raise fault
            time.sleep(delay)

    def request_approval(self, request: ApprovalRequest, timeout: float | None = None) -> ApprovalReply:
        """Asks custodians for an approval. Nothing is repeated here: after a
        ConnectionLost call it again, with the same request_id."""
        reply = decode_approval_reply(self._call(REQUEST_APPROVAL, encode_approval_request(request), timeout))
        if not reply.approval.id or reply.approval.entry != request.entry or reply.receipt is None:
            raise BadAnswer(f"not an approval of entry {request.entry!r} with the receipt of its record")
        return reply

    def approval_status(self, approval_id: str, timeout: float | None = None) -> Approval:
        """What became of an approval that this account asked for; any other is
        Refused (200). Nobody waits here for custodians: ask every minute or so."""
        approval = decode_approval_status(self._ask(APPROVAL_STATUS, timeout, encode_approval_status(approval_id)))
        if approval.id != approval_id:
            raise BadAnswer(f"approval {approval.id!r}, asked for was {approval_id!r}")
        return approval

    def _ask(self, method: int, timeout: float | None, payload: bytes = b"") -> bytes:
        """A call that changes nothing: what a restart took away is asked for again."""
        seconds = self._timeout if timeout is None else timeout
        begun = time.monotonic()
        try:
            return self._call(method, payload, seconds)
        except TimedOut:
            raise
        except ConnectionLost:
            return self._call(method, payload, max(0.001, seconds - (time.monotonic() - begun)))

    def _call(self, method: int, payload: bytes, timeout: float | None) -> bytes:
        seconds = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            raise TimedOut("the calls of other threads took all the time: use a Client for each, or a batch")
        try:
            answer = self._exchange(method, payload, deadline)
        except BaseException:
            # Whatever ends a call before its answer leaves the stream where
            # nobody knows what comes next: the next call connects anew.
            self._drop()
            raise
        finally:
            self._lock.release()
        if isinstance(answer, Refused):
            raise answer
        return answer

    def _exchange(self, method: int, payload: bytes, deadline: float) -> bytes | Refused:
        """Returns a refusal of this call, which leaves the connection good; raises what does not."""
        sock = self._connected(deadline)
        self._last_call += 1
        header = HEADER.pack(len(payload), VERSION, REQUEST, method, self._last_call)
        self._send(sock, header + payload, deadline)
        return self._answer(sock, method, self._last_call, deadline)

    def _connected(self, deadline: float) -> socket.socket:
        # A connection is a bearer token of who made it: after a fork the
        # child must not write between the frames of its parent.
        if self._sock is not None and (self._pid != os.getpid() or self._has_ended(self._sock)):
            self._drop()
        if self._sock is None:
            self._sock, self._pid = self._connect(deadline), os.getpid()
        return self._sock

    @staticmethod
    def _has_ended(sock: socket.socket) -> bool:
        """Between calls nothing comes but goaway and the end (idle time, restart).
        Nothing was sent then, so a new connection is safe."""
        sock.settimeout(0)
        try:
            sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def _connect(self, deadline: float) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A blocking connect with SO_SNDTIMEO: the non-blocking one fails at
        # once with EAGAIN while the daemon has no room in its backlog.
        try:
            left = self._left(deadline)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(left), int(left % 1 * 999_998) + 1))
            sock.connect(self._path)
            return sock
        except OSError as fault:
            sock.close()
            if fault.errno == errno.EAGAIN:
                raise Unreachable(f"{self._path}: signetd takes no connection in time") from fault
            raise Unreachable(f"{self._path}: {fault.strerror or fault}") from fault
        except BaseException:
            sock.close()
            raise

    def _send(self, sock: socket.socket, data: bytes, deadline: float) -> None:
        try:
            sock.settimeout(self._left(deadline))
            sock.sendall(data)
        except TimeoutError:
            raise TimedOut("the request could not be sent in time") from None
        except OSError as fault:
            # A daemon that turns a connection away says why and closes. The
            # reason lies in our buffer: _answer comes to it, or to the end.
            if fault.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise ConnectionLost(f"sending the request: {fault.strerror}") from fault

    def _answer(self, sock: socket.socket, method: int, call: int, deadline: float) -> bytes | Refused:
        answer, leaving, last = bytearray(), False, 0
        while last not in (REPLY, ERROR):
            frame = self._next_frame(sock, deadline)
            if frame.kind == GOAWAY:
                leaving = True  # this call is still answered
                continue
            if frame.kind == ERROR and frame.call == 0 and frame.method == 0:
                raise _refusal(frame.payload)  # of the connection
            if frame.call != call or frame.method != method:
                raise BadAnswer(f"answer to call {frame.call} of method {frame.method}, asked was call {call} of method {method}")
            if len(answer) + len(frame.payload) > MAX_ANSWER:
                raise BadAnswer(f"answer of more than {MAX_ANSWER} bytes")
            last = frame.kind
            # Joined messages decode as one (section 1, Parts); an error stands alone.
            answer = bytearray(frame.payload) if last == ERROR else answer + frame.payload
        if leaving:
            self._drop()
        return _refusal(bytes(answer)) if last == ERROR else bytes(answer)

    def _next_frame(self, sock: socket.socket, deadline: float) -> Frame:
        def read(n: int) -> bytes:
            sock.settimeout(self._left(deadline))
            return sock.recv(n)

        try:
            return read_frame(read)
        except EOFError:
            raise ConnectionLost("signetd closed the connection before the answer") from None
        except TimeoutError:
            raise TimedOut("no answer in time") from None
        except OSError as fault:
            raise ConnectionLost(f"reading the answer: {fault.strerror}") from fault

    @staticmethod
    def _left(deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut("no answer in time")
        return left

    def _drop(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None


# --- what is signed -------------------------------------------------------

SM2_ID = b"1234567812345678"
# a, b, xG, yG of the curve sm2p256v1, as they stand in ZA (GM/T 0003.5, GM/T 0003.2 5.5).
_SM2_CURVE = bytes.fromhex(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
# SubjectPublicKeyInfo of an SM2 key up to the 64 bytes of its point.
_SM2_SPKI = bytes.fromhex("3059301306072A8648CE3D020106082A811CCF5501822D03420004")


def _new_hash(name: str) -> hashlib._Hash:
    try:
        return hashlib.new(name)
    except ValueError:
        raise RuntimeError(f"this Python's OpenSSL has no {name}: use one that has it, such as Debian's python3") from None


def sm2_hash(public_key: bytes) -> hashlib._Hash:
    """A hash with ZA in it: update() it with the document, its digest() is e.
    public_key is the DER SubjectPublicKeyInfo of the entry."""
    point = public_key[len(_SM2_SPKI) :]
    if not public_key.startswith(_SM2_SPKI) or len(point) != 64:
        raise ValueError("computing e: the public key is not an SM2 key")
    za = _new_hash("sm3")
    za.update((8 * len(SM2_ID)).to_bytes(2) + SM2_ID + _SM2_CURVE + point)
    e = _new_hash("sm3")
    e.update(za.digest())
    return e


def input_from(algorithm: Algorithm, public_key: bytes, document: BinaryIO, context: Context | None = None) -> Input:
    """Reads a document once, in constant memory, into what is signed of it: e for SM2
    (with the plain SM3 for the record), the message for Ed25519, else the digest."""
    if algorithm == Algorithm.ED25519:
        message = document.read(MAX_MESSAGE + 1)
        if not 0 < len(message) <= MAX_MESSAGE:
            raise ValueError(f"ED25519 signs the document itself: 1 to {MAX_MESSAGE} bytes")
        return Input(message=message, context=context)
    plain = _new_hash(algorithm.hash_name)
    hashes = [plain] if algorithm != Algorithm.SM2_SM3 else [plain, sm2_hash(public_key)]
    while piece := document.read(1 << 20):
        for h in hashes:
            h.update(piece)
    if algorithm == Algorithm.SM2_SM3:
        return Input(sm2_e=hashes[1].digest(), document_hash=plain.digest(), context=context)
    return Input(digest=plain.digest(), context=context)


def input_from_file(algorithm: Algorithm, public_key: bytes, path: str | os.PathLike[str], context: Context | None = None) -> Input:
    with open(path, "rb") as document:
        return input_from(algorithm, public_key, document, context)
