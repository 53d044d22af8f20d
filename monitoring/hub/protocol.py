"""The SignalR JSON hub protocol, version 1: records of JSON, each ended by the character 0x1E. Pure rules.

A WebSocket frame may hold several records, and a record may be spread over several frames.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

END = "\x1e"
RECORD_LIMIT = 32 * 1024
"""Characters of the largest record that a client may send."""
FRAME_LIMIT = 64 * 1024
"""Characters that are sent in one frame, unless a single record is longer."""

INVOCATION, COMPLETION, STREAM_INVOCATION, PING_TYPE, CLOSE = 1, 3, 4, 6, 7

Record = dict[str, Any]


class ProtocolError(ValueError):
    """The client sent what is not the protocol; the text says what."""


class Splitter:
    """Cuts frames into records, keeping the beginning of an unfinished one for the next frame."""

    def __init__(self) -> None:
        self._unfinished = ""

    def split(self, frame: str) -> Iterator[str]:
        """The records that the frame completes; raises ProtocolError when one is too long."""
        *records, unfinished = (self._unfinished + frame).split(END)
        self._unfinished = unfinished
        for record in (*records, unfinished):
            if len(record) > RECORD_LIMIT:
                raise ProtocolError(f"A message may have at most {RECORD_LIMIT:,} characters.")
        yield from records


def write(record: Record) -> str:
    """The record as it goes over the wire, in ASCII: a character is a byte, and no lone surrogate can break it."""
    return json.dumps(record, separators=(",", ":")) + END


PING = write({"type": PING_TYPE})


def write_invocation(target: str, *arguments: Any) -> str:
    """Calls a function of the client, which does not answer."""
    return write({"type": INVOCATION, "target": target, "arguments": arguments})


def write_completion(invocation_id: str, *, error: str | None = None) -> str:
    """Answers a call of the client: done, or the error."""
    outcome = {"error": error} if error else {"result": None}
    return write({"type": COMPLETION, "invocationId": invocation_id, **outcome})


def write_close(error: str | None, *, allow_reconnect: bool) -> str:
    """Says that the server hangs up, why, and whether to come back."""
    reason = {"error": error} if error else {}
    return write({"type": CLOSE, **reason, "allowReconnect": allow_reconnect})


def pack(records: Iterable[str]) -> list[str]:
    """Written records, joined into frames of at most ``FRAME_LIMIT`` characters where that is possible."""
    frames: list[str] = []
    for record in records:
        if frames and len(frames[-1]) + len(record) <= FRAME_LIMIT:
            frames[-1] += record
        else:
            frames.append(record)
    return frames


def read_handshake(record: str) -> None:
    """Accepts the client's handshake or raises ProtocolError."""
    handshake = _read_object(record)
    if handshake.get("protocol") != "json":
        raise ProtocolError("This hub speaks the protocol 'json' only.")
    if handshake.get("version") != 1:
        raise ProtocolError("This hub speaks version 1 of the protocol only.")


def read(record: str) -> Record:
    """A message of the client, with what its type needs checked; raises ProtocolError."""
    message = _read_object(record)
    kind = message.get("type")
    if not isinstance(kind, int) or isinstance(kind, bool):
        raise ProtocolError("A message must have a 'type' that is a whole number.")
    if not isinstance(message.get("invocationId", ""), str | None):
        raise ProtocolError("An 'invocationId' must be a text.")
    if kind == INVOCATION and not (
        isinstance(message.get("target"), str) and isinstance(message.get("arguments"), list)
    ):
        raise ProtocolError("An invocation must have a 'target' that is a text and 'arguments' that are a list.")
    return message


def _read_object(record: str) -> Record:
    try:
        document = json.loads(record)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("A message must be JSON ended by the character 0x1E.") from error
    if not isinstance(document, dict):
        raise ProtocolError("A message must be a JSON object.")
    return document
