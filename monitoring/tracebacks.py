"""Folds a traceback to the user's own frames: what the libraries did stays readable, but out of the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

_FRAME = re.compile(r'^  File "([^"]*)", line \d+')
_LIBRARY = re.compile(
    r"(^|[\\/])(site-packages|dist-packages|lib(64)?[\\/]python\d[\d.]*|Python\d+[\\/]Lib)[\\/]|^<frozen "
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A stretch of a traceback."""

    kind: str
    """"text" (headings and the error itself), "own" or "library" (frames)."""
    text: str
    frames: int = 0


def sections(error: str) -> list[Section]:
    """The stretches of a traceback in order, neighbours of one kind joined; any other text is one "text"."""
    pieces = [Section(kind=_kind(piece), text=piece, frames=int(bool(_FRAME.match(piece)))) for piece in _pieces(error)]
    return [_joined(kind, list(group)) for kind, group in groupby(pieces, key=lambda piece: piece.kind)]


def _joined(kind: str, pieces: list[Section]) -> Section:
    text = "\n".join(piece.text for piece in pieces)
    return Section(kind=kind, text=text, frames=sum(piece.frames for piece in pieces))


def _kind(piece: str) -> str:
    frame = _FRAME.match(piece)
    if frame is None:
        return "text"
    return "library" if _LIBRARY.search(frame[1]) else "own"


def _pieces(error: str) -> Iterator[str]:
    """Each frame with the source lines under it, and the lines between frames, as they stand."""
    piece: list[str] = []
    for line in error.rstrip().split("\n"):
        in_frame = bool(piece and _FRAME.match(piece[0]))
        begins = _FRAME.match(line) or (in_frame and not line.startswith("    ")) or (not in_frame and piece)
        if begins and piece:
            yield "\n".join(piece)
            piece = []
        piece.append(line)
    yield "\n".join(piece)
