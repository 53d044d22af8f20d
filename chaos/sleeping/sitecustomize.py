"""Python imports this first in processes whose wall clock is changed: libfaketime 0.9 refuses the sleep of Python 3.11.

That sleeps until a moment of the monotonic clock, which the library mistakes for one of the wall clock.
"""

from __future__ import annotations

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex) -> None:
    """As ``time.sleep``, by a wait that has a length and no end."""
    select.select([], [], [], float(seconds))


time.sleep = sleep
