"""Starts workflows: from code by ``start_workflow``, from the surfaces by ``workflow_actions``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from scheduler import handing_over, webhooks, workflow_counts
from scheduler.advancing import decide_on_attempt
from scheduler.registry import DEFAULT_NAMESPACE, Handler, registry
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_plans import mistakes_in_context, plan

KEY_LIFETIME = timedelta(hours=24)


class NoSuchHandler(LookupError):
    """No handler of that name, or none of that version, is registered; the text says so."""


class BadWorkflow(ValueError):
    """The workflow cannot be started as asked; ``mistakes`` has sentences by field, or by JSON path of the context."""

    def __init__(self, mistakes: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(sentences)}" for name, sentences in mistakes.items()))
        self.mistakes = dict(mistakes)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for when a workflow is started."""

    name: str
    namespace: str = DEFAULT_NAMESPACE
    version: str = ""
    """Empty: the latest."""
    context: Any
    initiator: str = ""
    source_system: str = ""
    reason: str = ""
    tags: Sequence[str] = ()
    priority: int = 0
    run_at: datetime | None = None
    idempotency_key: str = ""
    webhook_url: str = ""
    origin_zone: str = ""
    origin_tenant_id: str = ""
    origin_reference: str = ""


def start_workflow(reference: str, context: Mapping[str, Any] | None = None, **options: Any) -> Workflow:
    """Starts a workflow of ``namespace.name`` or ``namespace.name@version``; ``options`` are fields of ``Order``.

    Raises NoSuchHandler or BadWorkflow. For code; what people ask for goes through ``workflow_actions``.
    """
    full_name, _, version = reference.partition("@")
    namespace, _, name = full_name.rpartition(".")
    order = Order(
        name=name, namespace=namespace or DEFAULT_NAMESPACE, version=version, context=dict(context or {}), **options
    )
    return start(order)[0]


def find_handler(namespace: str, name: str, version: str = "") -> Handler:
    """The handler in this version, or the latest; raises NoSuchHandler."""
    short_name = f"{namespace}.{name}"
    versions = registry.versions.get(short_name, {})
    found = versions.get(version) if version else registry.latest(short_name)
    if found is None:
        known = f" Its versions are {', '.join(versions)}." if versions else ""
        wanted = f"{short_name}@{version}" if version else short_name
        raise NoSuchHandler(f"There is no handler {wanted[:300]!r}.{known}")
    return found


def start(order: Order) -> tuple[Workflow, bool]:
    """Makes the workflow and hands its first steps to RQ; False beside one that its idempotency key had made before."""
    handler = find_handler(order.namespace, order.name, order.version)
    if mistakes := _mistakes_of(order, handler):
        raise BadWorkflow(mistakes)
    if order.idempotency_key and (made := _made_before(order.idempotency_key)):
        return made, False
    try:
        return _make(order, handler), True
    except IntegrityError:  # another request with the same key was faster
        made = _made_before(order.idempotency_key) if order.idempotency_key else None
        if made is None:
            raise
        return made, False


def _mistakes_of(order: Order, handler: Handler) -> dict[str, list[str]]:
    mistakes = mistakes_in_context(handler, order.context)
    if order.webhook_url and (mistake := webhooks.mistake_in(order.webhook_url)):
        mistakes["webhook_url"] = [mistake]
    return mistakes


def _made_before(key: str) -> Workflow | None:
    since = timezone.now() - KEY_LIFETIME
    return Workflow.objects.filter(idempotency_key=key, created_at__gte=since).first()


def _make(order: Order, handler: Handler) -> Workflow:
    now = timezone.now()
    workflow = Workflow(
        namespace=handler.namespace,
        name=handler.name,
        version=handler.version,
        description=handler.description,
        context=order.context,
        initiator=order.initiator,
        source_system=order.source_system,
        reason=order.reason,
        tags=list(order.tags),
        priority=order.priority,
        idempotency_key=order.idempotency_key or None,
        run_at=order.run_at,
        webhook_url=order.webhook_url,
        origin_instance=settings.QUARTERDECK_INSTANCE,
        origin_zone=order.origin_zone,
        origin_tenant_id=order.origin_tenant_id,
        origin_reference=order.origin_reference,
        created_at=now,
        updated_at=now,
    )
    steps = plan(handler, workflow)
    first = [step for step in steps if not step.unmet] if order.run_at is None or order.run_at <= now else []
    for step in first:
        decide_on_attempt(step, now)
    with transaction.atomic():
        if order.idempotency_key:  # a key is free again after its lifetime
            old = Workflow.objects.filter(idempotency_key=order.idempotency_key, created_at__lt=now - KEY_LIFETIME)
            old.update(idempotency_key=None)
        workflow.save(force_insert=True)
        WorkflowStep.objects.bulk_create(steps, batch_size=200)
        workflow_counts.write_new(workflow)
        if first:
            transaction.on_commit(lambda: handing_over.hand_over(first), robust=True)
    return workflow
