"""The example board, the alert rules and the page about metrics speak of what is really served, and of all of it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.contrib.auth.models import User

from tests.cast import client_of
from tests.factories import make_run, make_task

pytestmark = pytest.mark.django_db
DOCS = Path(settings.BASE_DIR) / "docs"
BOARD = json.loads((DOCS / "monitoring" / "grafana-board.json").read_text())
ALERTS = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
QUERIES = [
    *(target["expr"] for panel in BOARD["panels"] for target in panel["targets"]),
    *(rule["expr"] for rule in RULES),
]
SERIES = re.compile(r"(quarterdeck_\w+)(?:\{([^}]*)\})?")


@pytest.fixture
def served(viewer: User) -> str:
    """What the metrics answer, after a task, a run and a request."""
    now = datetime.now(UTC)  # days long past are added up once a day, perhaps before this test
    make_run(make_task().pk, wait_ms=5.0, started_at=now, ended_at=now)
    client = client_of(viewer)
    client.get("/api/v1/handlers")
    answer = client.get("/api/v1/metrics")
    assert answer.status_code == 200
    return answer.content.decode()


def labels_of(text: str) -> dict[str, set[str]]:
    """The labels of every series that is served, by its name; families without a series yet by theirs."""
    found: dict[str, set[str]] = {name: set() for name in re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)}
    for name, labels in re.findall(r"^(quarterdeck_\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def test_every_query_asks_for_series_and_labels_that_are_served(served: str) -> None:
    known = labels_of(served)
    assert len(QUERIES) > 20
    for query in QUERIES:
        asked = SERIES.findall(query)
        assert asked, query
        for name, matchers in asked:
            assert name in known, (name, query)
            assert set(re.findall(r"(\w+)\s*[!=]", matchers)) <= known[name], query
        given = set().union(*(known[name] for name, _ in asked)) | set(re.findall(r'rate\(.*\), "(\w+)"', query))
        for names in re.findall(r"\bby \(([^)]*)\)", query):
            assert {name.strip() for name in names.split(",")} <= given, query


def test_the_board_is_one_that_grafana_takes() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= BOARD.keys()
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] == f"${{{BOARD['templating']['list'][0]['name']}}}"


def test_the_rules_are_ones_that_prometheus_takes() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) >= 8
    for rule in RULES:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_page_lists_every_metric_with_its_labels(served: str) -> None:
    rows = re.findall(r"^\| `(quarterdeck_\w+)` \|([^|]*)\|", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    told: dict[str, set[str]] = {name: set(labels.replace(",", " ").split()) for name, labels in rows}
    kinds: dict[str, str] = dict(re.findall(r"^# TYPE (quarterdeck_\w+) (\w+)", served, re.MULTILINE))
    assert set(told) == {name for name in kinds if not name.endswith("_created")}
    known = labels_of(served)
    for name, labels in told.items():
        sample = f"{name}_count" if kinds[name] == "histogram" else name
        served_labels: Any = known.get(sample, set()) or labels
        assert labels == served_labels, name
