"""The short form of ``make chaos``: a whole Quarterdeck is broken, mends itself, and has lost nothing."""

from __future__ import annotations

import pytest

from chaos.__main__ import play
from chaos.faults import FAULTS, Fault

pytestmark = pytest.mark.own_site


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.short])
def test_nothing_is_lost_when(fault: Fault) -> None:
    outcome = play(fault)
    assert outcome.mistakes == [], outcome.line()
    assert outcome.found["accepted"] > 50
    assert outcome.found["due"]["times"] > 3
