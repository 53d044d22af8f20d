"""The pages: who may see them, what they say, and that what is shown is never run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client

from audit.models import StatusChange
from monitoring import broker
from monitoring.models import SetAsideEntry, Task
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.factories import NOON, make_change, make_run, make_schedule, make_task, make_tasks

BASE = f"/{settings.MONITORING_BASE_PATH}"
PAGES = ("/", "/overview/parts", "/tasks", "/tasks/rows", "/tasks/counts", f"/tasks/{UUID(int=1)}")


@pytest.fixture
def browser(viewer: User) -> Client:
    """The viewer's browser, logged in."""
    client = Client()
    client.force_login(viewer)
    return client


def page(client: Client, path: str, **parameters: Any) -> str:
    """The page's text; it must be there."""
    response = client.get(f"{BASE}{path}", parameters)
    assert response.status_code == 200, response.content
    return response.content.decode()


# --- Who may see what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_it_sends_who_is_not_logged_in_to_the_login(client: Client, db: None, path: str) -> None:
    response = client.get(f"{BASE}{path}")
    assert response.status_code == 302
    assert response.headers["Location"] == f"{BASE}/login?next={BASE}{path}"


@pytest.mark.parametrize("path", PAGES)
def test_it_tells_who_has_no_role_what_to_do(client: Client, stranger: User, path: str) -> None:
    client.force_login(stranger)
    response = client.get(f"{BASE}{path}")
    assert response.status_code == 403
    assert "Ask an administrator" in response.content.decode()
    assert "Log out" in response.content.decode()


@pytest.mark.parametrize("path", ["/", "/tasks/rows", "/tasks/counts", f"/tasks/{UUID(int=1)}/parts"])
def test_it_only_reads(browser: Client, path: str) -> None:
    assert browser.post(f"{BASE}{path}").status_code == 405


def test_it_leads_from_the_root_to_the_overview(client: Client, db: None) -> None:
    assert client.get("/").headers["Location"] == f"{BASE}/"
    assert client.get(BASE).headers["Location"] == f"{BASE}/"


@pytest.mark.parametrize("path", ["/nothing", "/tasks/", "/tasks/no-uuid", f"/tasks/{uuid4()}", "/tasks/1/2/3"])
def test_it_says_what_is_not_there(browser: Client, path: str) -> None:
    response = browser.get(f"{BASE}{path}")
    assert response.status_code == 404
    assert "No such" in response.content.decode()


def test_it_keeps_pages_out_of_caches(browser: Client) -> None:
    assert "no-store" in browser.get(f"{BASE}/tasks").headers["Cache-Control"]


# --- Overview -----------------------------------------------------------------------------------------------------


def test_it_says_that_all_is_well_and_how_to_begin(browser: Client) -> None:
    text = page(browser, "/")
    assert "All is well" in text
    assert "python manage.py enqueue demo.tasks.echo --args '[1]'" in text


def test_it_shows_totals_that_lead_to_their_lists(browser: Client) -> None:
    make_tasks(3)
    make_tasks(2, status=Status.FAILED, queue="mail")
    text = " ".join(page(browser, "/").split())
    assert f'<a href="{BASE}/tasks"><span class="total-number">5</span>' in text
    assert f'<a href="{BASE}/tasks?status=failed"><span class="total-number">2</span>' in text


def test_it_shows_the_newest_failures_with_what_went_wrong(browser: Client) -> None:
    error = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nValueError: no <such> user\n'
    task = make_task(status=Status.FAILED, error=error)
    text = page(browser, "/")
    assert "ValueError: no &lt;such&gt; user" in text
    assert f'href="{BASE}/tasks/{task.pk}"' in text


def test_it_shows_changes_whose_task_is_gone(browser: Client) -> None:
    gone = uuid4()
    make_change(gone, None, Status.QUEUED)
    assert str(gone) in page(browser, "/")


def test_it_needs_the_same_queries_for_any_number_of_changes(
    browser: Client, django_assert_max_num_queries: Any
) -> None:
    for task in make_tasks(30, status=Status.FAILED, error="ValueError: no"):
        make_change(task.pk, Status.RUNNING, Status.FAILED)
    SetAsideEntry.objects.create(stream_id="1-0", payload="?", reason="not JSON", set_aside_at=NOON)
    with django_assert_max_num_queries(24):
        text = page(browser, "/")
    assert "need" in text


def test_it_answers_with_the_overviews_parts_alone(browser: Client) -> None:
    text = page(browser, "/overview/parts")
    assert 'id="health"' in text
    assert "<html" not in text


# --- A task's page ------------------------------------------------------------------------------------------------

TRACEBACK = """Traceback (most recent call last):
  File "/srv/app/.venv/lib/python3.11/site-packages/rq/worker/base.py", line 1, in perform_job
    return job.perform()
  File "/srv/app/shop/mail.py", line 7, in send
    raise ValueError("no such user")
ValueError: no such user
"""


@pytest.fixture
def failed_task(db: None) -> Task:
    """Failed, retried, failed again."""
    task = make_task(
        status=Status.FAILED,
        arguments=json.dumps({"args": [7], "kwargs": {"to": "ann"}}),
        error=TRACEBACK,
        error_type="ValueError",
        attempts=2,
        retry_count=1,
        max_retries=1,
        worker="w2",
        output="line one\nline two\n",
        media=[{"url": "https://files.example/a.png", "name": "a.png", "media_type": "image"}],
        service_requests=[{"service": "mailer", "status": 550}],
        triggered_by="web-shop",
    )
    steps: tuple[Any, ...] = (
        None,
        Status.QUEUED,
        Status.RUNNING,
        Status.SCHEDULED,
        Status.QUEUED,
        Status.RUNNING,
        Status.FAILED,
    )
    for number, (old, new) in enumerate(pairwise(steps)):
        make_change(task.pk, old, new, changed_at=NOON + timedelta(seconds=number))
    run = {"status": Status.FAILED, "duration_ms": 950.0}
    make_run(task.pk, 1, started_at=NOON + timedelta(seconds=1), worker="w1", error="OSError: first", **run)
    make_run(task.pk, 2, started_at=NOON + timedelta(seconds=4), worker="w2", error=TRACEBACK, **run)
    return task


def test_it_tells_a_tasks_whole_story(browser: Client, failed_task: Task) -> None:
    text = page(browser, f"/tasks/{failed_task.pk}")
    for piece in (
        "send_receipt",
        "shop.mail.send_receipt",
        str(failed_task.pk),
        "ValueError: no such user",
        "OSError: first",
        "&quot;kwargs&quot;: {&quot;to&quot;: &quot;ann&quot;}",
        "line two",
        '<a href="https://files.example/a.png" rel="noreferrer">a.png</a>',
        "mailer",
        "web-shop",
        "Run 1 on",
        "w1",
        "950 ms",
        "1 library frame<",
    ):
        assert piece in text, piece
    newest_first = [text.index(f"step step-{word}") for word in ("failed", "running", "scheduled")]
    assert newest_first == sorted(newest_first)


def test_it_needs_the_same_queries_for_any_story(
    browser: Client, failed_task: Task, django_assert_max_num_queries: Any
) -> None:
    failed_task.depends_on = [str(task.pk) for task in make_tasks(20)]
    failed_task.retry_of = make_task().pk
    failed_task.scheduled_job = make_schedule()
    failed_task.save()
    with django_assert_max_num_queries(9):
        text = page(browser, f"/tasks/{failed_task.pk}")
    assert "Every 5 minutes" in text
    assert "Retry of" in text


def test_it_shows_what_a_task_waits_for(browser: Client) -> None:
    done = make_task(task_type="shop.media.transcode")
    task = make_task(status=Status.DEFERRED, depends_on=[str(done.pk), "never-recorded"])
    text = page(browser, f"/tasks/{task.pk}")
    assert f'<a href="{BASE}/tasks/{done.pk}">transcode</a>' in text
    assert "(not recorded)" in text


def test_it_shows_the_progress_of_a_running_task(browser: Client) -> None:
    now = datetime.now(UTC)
    task = make_task(
        status=Status.RUNNING, progress=37.5, progress_message="half <way>", started_at=now - timedelta(minutes=3)
    )
    text = page(browser, f"/tasks/{task.pk}/parts")
    assert '<progress max="100" value="38"' in text
    assert "half &lt;way&gt;" in text
    assert "3 min" in text


def test_it_shows_long_stories_by_their_newest_steps(browser: Client, django_assert_max_num_queries: Any) -> None:
    task = make_task(attempts=500)
    StatusChange.objects.bulk_create(
        StatusChange(
            task_id=task.pk,
            old_status=Status.RUNNING,
            new_status=Status.SCHEDULED,
            changed_at=NOON + timedelta(seconds=second),
        )
        for second in range(500)
    )
    with django_assert_max_num_queries(9):
        text = page(browser, f"/tasks/{task.pk}")
    assert "The newest 50 steps" in text
    assert text.count("step step-scheduled") == 50


# --- What is shown is never run -----------------------------------------------------------------------------------

SCRIPT = "<script>alert(1)</script>"


def test_it_shows_html_in_any_place_as_text(browser: Client) -> None:
    hostile = {
        "queue": SCRIPT,
        "task_type": f"shop.{SCRIPT}",
        "arguments": json.dumps({"args": [SCRIPT], "kwargs": {SCRIPT: SCRIPT}}),
        "result": json.dumps(SCRIPT),
        "output": SCRIPT,
        "error": f"ValueError: {SCRIPT}",
        "error_type": SCRIPT,
        "worker": SCRIPT,
        "progress_message": SCRIPT,
        "triggered_by": SCRIPT,
        "webhook_url": f"javascript:{SCRIPT}",
        "config": {SCRIPT: SCRIPT},
        "media": [{"url": "javascript:alert(1)", "name": SCRIPT}, {"url": 7}, {"url": "data:text/html,x"}],
        "service_requests": [{"service": SCRIPT}],
    }
    running = make_task(status=Status.RUNNING, started_at=NOON, **hostile)
    failed = make_task(status=Status.FAILED, **hostile)
    for task in (running, failed):
        make_change(task.pk, None, Status.FAILED, error=f"ValueError: {SCRIPT}")
        make_run(task.pk, status=Status.FAILED, worker=SCRIPT, error=f"OSError: {SCRIPT}")
    paths = ["/", "/tasks", f"/tasks/rows?ids={running.pk}", f"/tasks/{running.pk}", f"/tasks/{failed.pk}"]
    for path in (*paths, f"/tasks?search={SCRIPT}", f"/tasks?queue={SCRIPT}", f"/tasks?status={SCRIPT}"):
        text = browser.get(f"{BASE}{path}").content.decode()
        assert SCRIPT not in text, path
        assert 'href="javascript:' not in text, path
        assert 'href="data:' not in text, path
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page(browser, f"/tasks/{failed.pk}")


def test_it_shows_what_real_jobs_with_odd_arguments_left(browser: Client) -> None:
    nested: Any = "bottom"
    for _ in range(60):
        nested = [nested]
    job_id = broker.enqueue("tests.jobs.echo", args=[nested, "\x00\ud800", "x" * 100_000, {"password": "hush"}])
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    text = page(browser, f"/tasks/{job_id}")
    assert "hush" not in text
    assert "********" in text


# --- Errors -------------------------------------------------------------------------------------------------------


def test_it_has_a_page_for_every_error(client: Client, db: None) -> None:
    for template in ("400.html", "403_csrf.html", "500.html"):
        text = render_to_string(template)
        assert "<h1>" in text
        assert f"{BASE}/" in text


def test_it_says_so_when_redis_is_away(browser: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    text = page(browser, "/")
    assert "Redis cannot be reached" in text
    assert "1 thing needs attention" in text
