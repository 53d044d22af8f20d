"""What the buttons on a task's page can do at this moment, and for the others why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit import roles
from monitoring import callables
from monitoring.actions import CANCEL, REMOVE, RETRY, STOP, Verb
from monitoring.models import Queue, Task
from monitoring.statuses import Status

BUTTONS: dict[str, tuple[str, Verb]] = {
    "retry": ("Retry", RETRY),
    "cancel": ("Cancel", CANCEL),
    "stop": ("Stop", STOP),
    "remove": ("Remove", REMOVE),
}
"""By the word in the form."""


@dataclass(frozen=True, kw_only=True)
class Deed:
    """A button."""

    word: str
    label: str
    off: str
    """Why it cannot be pressed now; empty if it can."""


@dataclass(frozen=True, kw_only=True)
class Deeds:
    """All that can be done to a task from its page."""

    buttons: list[Deed]
    again_off: str
    """Why it cannot be run again with other arguments."""
    move_off: str
    """Why it cannot be moved."""
    queues: list[str]
    """Where it can be moved to."""

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """What is off, and why."""
        all_of_them = [
            *((deed.label, deed.off) for deed in self.buttons),
            ("Run again with other arguments", self.again_off),
            ("Move to another queue", self.move_off),
        ]
        return [(label, off) for label, off in all_of_them if off]


def deeds_for(task: Task, user: Any) -> Deeds:
    """What the user can do to the task; one query at most."""
    forbidden = "" if user.has_perm(roles.OPERATE) else roles.REFUSALS[roles.OPERATE]
    move_off = forbidden or ("" if task.status == Status.QUEUED else "Only a task that is queued can be moved.")
    queues = [] if move_off else list(Queue.objects.exclude(name=task.queue).values_list("name", flat=True))
    return Deeds(
        buttons=[
            Deed(word=word, label=label, off=forbidden or verb.refusal(task.status))
            for word, (label, verb) in BUTTONS.items()
        ],
        again_off=forbidden or again_off(task),
        move_off=move_off or ("" if queues else "There is no other queue."),
        queues=queues,
    )


def again_off(task: Task) -> str:
    """Why a task cannot be run again with other arguments; empty if it can."""
    if not task.is_over:
        return "Only a task that is over can be run again."
    try:
        callables.resolve(task.task_type)
    except callables.NotAllowed:
        return "Its function may not be started from here: its module is not in QUARTERDECK_CALLABLES."
    return ""
