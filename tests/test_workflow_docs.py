"""The developer's page: its examples are as short as it says, and they run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scheduler.registry import registry
from tests.workflows import begin, dispatch, record, states, step, work

PAGE = Path(__file__).parent.parent / "docs" / "workflows.md"


@pytest.mark.django_db
def test_its_diamond_has_under_forty_lines_and_runs() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [example.count("\n") < 40 for example in examples] == [True, True, True]
    versions = dict(registry.versions)
    try:
        exec(compile(examples[1], str(PAGE), "exec"), {"__name__": "shop.handlers"})  # noqa: S102  # our own page
        registry.finish()
        assert "shop.fulfil" in registry.versions
        workflow = begin("shop.fulfil", {"order": "digital-1", "cents": 4990})
        for _ in range(4):
            work("default", "payments")
            record()
            dispatch()
    finally:
        registry.versions = versions
    workflow.refresh_from_db()
    assert workflow.status == "COMPLETED", states(workflow)
    assert step(workflow, "pack").is_skipped
    assert step(workflow, "ship").results == {"sent": False, "receipt": f"{workflow.pk}:charge"}
