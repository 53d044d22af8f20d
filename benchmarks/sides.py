"""A side of a comparison: a process that does what a line of its input says and answers with a line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Side:
    """The process, seen from the one that compares."""

    process: subprocess.Popen[str]

    def ask(self, deed: str, *words: object) -> Any:
        """Has the side do the deed and returns its answer; raises RuntimeError if the side has died of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join([deed, *map(str, words)]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that was to {deed} has died; its last words are above.")
        return json.loads(answer)


def obey(deeds: Mapping[str, Callable[..., Any]]) -> None:
    """In the process itself: does the deeds it is asked for, until its input ends."""
    for line in sys.stdin:
        deed, *words = line.split()
        print(json.dumps(deeds[deed](*words)), flush=True)
