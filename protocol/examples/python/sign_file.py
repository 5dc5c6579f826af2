#!/usr/bin/env python3
"""Signs files over sign.sock and writes FILE.sig beside each.

    sign_file.py --entry contract --purpose contract contract.ofd

Exit status, as of signetctl: 0 all signed, 1 unexpected, 2 usage or bad input,
3 refused for good, 4 refused for now, 6 no such entry, 7 signetd not reachable
or gone before it answered, 9 HSM not available. What was signed before a fault
is written.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence

import signet

_BY_CODE = {200: 6, 400: 9, 401: 9, 403: 9, 900: 1}


def exit_status(fault: Exception) -> int:
    match fault:
        case signet.Refused(code=code) if code in _BY_CODE:
            return _BY_CODE[code]
        case signet.Refused(code=code) if 100 <= code < 200:
            return 2
        case signet.Refused():
            return 3 if fault.retry == signet.Retry.NEVER else 4
        case signet.UnknownEntry():
            return 6
        case signet.Unreachable() | signet.ConnectionLost():
            return 7
        case ValueError() | OSError():
            return 2
    return 1


def parse_arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description="sign files with an entry of signet; FILE.sig is written beside each")
    p.add_argument("--socket", default=os.environ.get("SIGNET_SIGN_SOCKET", signet.DEFAULT_SOCKET))
    p.add_argument("--entry", required=True)
    p.add_argument("--purpose", required=True, help="one that the entry's policy lists")
    p.add_argument("--algorithm", choices=[a.name.replace("_", "-") for a in signet.Algorithm], help="needed where the entry has several")
    p.add_argument("--request-id", help="a repeated id gives the recorded signatures; a second batch gets ID.2")
    p.add_argument("--timeout", type=float, default=11.0, help="seconds for one call")
    p.add_argument("--patience", type=float, default=30.0, help="seconds for which refusals that pass are tried again")
    p.add_argument("files", nargs="+", metavar="FILE")
    return p.parse_args()


def choose_algorithm(entry: signet.Entry, name: str | None) -> signet.Algorithm:
    if name:
        return signet.Algorithm[name.replace("-", "_")]
    if len(entry.algorithms) != 1:
        raise ValueError(f"--algorithm: entry {entry.id} has {len(entry.algorithms)}; name one")
    return signet.Algorithm(entry.algorithms[0])


def batches(files: Sequence[str], algorithm: signet.Algorithm, entry: signet.Entry) -> Iterator[Sequence[str]]:
    """As many files as one request takes. A message travels whole, so it goes alone."""
    size = 1 if algorithm == signet.Algorithm.ED25519 else min(entry.batch_max or 1, signet.MAX_INPUTS)
    for first in range(0, len(files), size):
        yield files[first : first + size]


def write_signature(path: str, signature: bytes) -> None:
    """Whole or not at all: whoever sees FILE.sig sees a signature."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".sig-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(signature)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def keep(files: Sequence[str], results: Sequence[signet.Signed | signet.Refused]) -> None:
    """Writes what was signed; raises the first refusal after that."""
    refused = None
    for path, result in zip(files, results, strict=True):
        if isinstance(result, signet.Refused):
            print(f"sign_file: {path}: {result}", file=sys.stderr)
            refused = refused or result
            continue
        write_signature(path + ".sig", result.signature)
        print(f"{path}.sig event={result.receipt.event}" + (" repeated" if result.repeated else ""))
    if refused:
        raise refused


def run(args: argparse.Namespace) -> None:
    request_id = args.request_id or secrets.token_hex(16)  # so that a lost answer can be asked for again
    with signet.Client(args.socket, args.timeout) as client:
        entry = client.entry(args.entry)
        algorithm = choose_algorithm(entry, args.algorithm)
        for number, files in enumerate(batches(args.files, algorithm, entry), 1):
            request = signet.SignRequest(
                entry=entry.id,
                algorithm=algorithm,
                inputs=[signet.input_from_file(algorithm, entry.public_key, path) for path in files],
                context=signet.Context(purpose=args.purpose),
                request_id=request_id if number == 1 else f"{request_id}.{number}",
            )
            keep(files, client.sign_patiently(request, args.patience))


def main() -> int:
    args = parse_arguments()
    try:
        run(args)
    except (signet.SignetError, ValueError, OSError, RuntimeError) as fault:
        print(f"sign_file: {fault}", file=sys.stderr)
        return exit_status(fault)
    return 0


if __name__ == "__main__":
    sys.exit(main())
