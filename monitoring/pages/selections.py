"""Tasks chosen from a list, by their ids or all that match, and what became of a verb for them, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from audit.trail import NotAllowedNow
from monitoring.actions import END, REMOVE, RETRY, Result, Verb
from monitoring.inbox import task_id_for
from monitoring.models import Task
from monitoring.operations import ACTED_ON
from monitoring.pages.acting import in_words

BULK_VERBS: dict[str, Verb] = {"retry": RETRY, "cancel": END, "remove": REMOVE}
"""What can be done to many tasks, by the word in forms."""
WHAT_IT_MEANS = {
    "retry": "They go to the end of their queues and run again.",
    "cancel": "Those that wait never start. Workers are told to end those that run.",
    "remove": "Their jobs are deleted from Redis, and they vanish from here. That cannot be undone; "
    "who did it stays in the trail.",
}
REASONS_TOLD = 3
"""More different reasons of refusals than this are told as one."""


def chosen_tasks(job_ids: Iterable[str], *, queue: str = "") -> list[Task]:
    """The tasks of these ids, RQ's or ours, each once. For those that are not there (any more), one without status."""
    wanted = {task_id_for(job_id): job_id for job_id in job_ids}
    known = Task.objects.only(*ACTED_ON).in_bulk(list(wanted))
    return [known.get(pk) or Task(id=pk, job_id=job_id, queue=queue, status="") for pk, job_id in wanted.items()]


def outcome_in_words(verb: Verb, results: Sequence[Result], *, expected: int | None = None) -> str:
    """What became of a verb: "48 retried, 2 refused: already running"; raises NotAllowedNow if nothing was done.

    ``expected`` is how many it was to be done to by what the person was shown.
    """
    refused = Counter(_in_short(result.error) for result in results if result.error)
    done = len(results) - refused.total()
    told = refused.most_common(REASONS_TOLD)
    others = refused.total() - sum(count for _, count in told)
    sentence = in_words(
        [
            (done, verb.past),
            *((count, f"refused: {reason}") for reason, count in told),
            (others, "refused for other reasons"),
        ]
    )
    if not done:
        raise NotAllowedNow(f"Nothing was done: {sentence}." if sentence else "Nothing was done: none is left.")
    more = done - expected if expected is not None else 0
    return f"{sentence}. {more:,} more than you were shown had come by then." if more > 0 else f"{sentence}."


def _in_short(error: str) -> str:
    """The reason in a refusal: "already running" of "Cannot retry a task that is already running."."""
    return re.sub(r"^(Cannot \w+ a task that|It) (is |was )?", "", error).removesuffix(".")
