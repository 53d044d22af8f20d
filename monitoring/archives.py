"""Files that keep what retention deletes: compressed JSON Lines, on the disk before the rows are gone."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

from django.db.models import Model


class Archive:
    """One file, opened with the first rows. Each lot of rows is a gzip member of its own, whole or not there.

    Whoever is killed between writing and deleting has archived rows that are still there: the next one archives them
    again, so a row may stand in two files, and in none only if it was never deleted.
    """

    def __init__(self, directory: Path, name: str, began: datetime) -> None:
        self.path = directory / f"{name}-{began:%Y%m%dT%H%M%S.%fZ}.jsonl.gz"
        self.rows = 0
        self._file: FileIO | None = None

    def write(self, documents: Iterable[dict[str, Any]]) -> None:
        """Adds one line for each document and returns once they are on the disk; raises OSError, having added none."""
        lines = [json.dumps(document, default=_as_text, ensure_ascii=False) + "\n" for document in documents]
        if not lines:
            return
        file = self._file = self._file or _new_file(self.path)
        begin = file.tell()
        try:
            _write_whole(file, gzip.compress("".join(lines).encode("utf-8", "backslashreplace"), compresslevel=5))
            os.fsync(file.fileno())
        except BaseException:
            file.seek(begin)
            file.truncate()
            raise
        self.rows += len(lines)

    def close(self) -> None:
        """Ends it; nothing is to be done if nothing was written."""
        if self._file:
            self._file.close()


def columns_of(row: Model) -> dict[str, Any]:
    """A row's columns by name, as the model has them."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _new_file(path: Path) -> FileIO:
    """For its owner alone, for it holds tasks' arguments; the directory remembers it even if the machine stops now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return file


def _write_whole(file: FileIO, content: bytes) -> None:
    """As a file without a buffer may take less than it is given."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
