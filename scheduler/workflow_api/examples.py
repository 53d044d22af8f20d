"""The example bodies of this surface."""

from __future__ import annotations

from typing import Any

TASK_ID = "7f3de727-66b8-4124-a288-296b2479f9a9"
STEP_ID = "e1521730-ede2-4025-b108-821c20b3dd61"
RUN_ID = "5e2d80c4-cbbf-48d0-96f2-af6041348ea7"
NAMES = ["reserve", "charge", "pack", "ship"]
_STARTED, _ENDED = "2026-04-13T15:42:06.100000Z", "2026-04-13T15:42:07.150000Z"

NAMESPACES = {
    "namespaces": [
        {
            "name": "shop",
            "description": "Orders, from the cart to the parcel.",
            "handler_count": 1,
            "handlers": ["fulfil_order"],
        }
    ],
    "total_namespaces": 1,
    "generated_at": "2026-04-13T15:42:10.120000Z",
}
_HANDLER = {
    "id": "shop.fulfil_order@1.0.0",
    "namespace": "shop",
    "name": "fulfil_order",
    "version": "1.0.0",
    "versions": ["0.9.0", "1.0.0"],
    "description": "From a paid cart to a parcel.",
}
HANDLERS = {
    "namespace": "shop",
    "handlers": [{**_HANDLER, "step_count": 4, "step_names": NAMES}],
    "total_handlers": 1,
}


def _template(name: str, *after: str, **told: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"Step {name}.",
        "handler_class": f"shop.handlers.{name}",
        "depends_on_step": after[0] if len(after) == 1 else None,
        "depends_on_steps": list(after),
        "default_retryable": True,
        "default_retry_limit": 3,
        "skippable": False,
        "custom_events": [],
        **told,
    }


HANDLER = {
    **_HANDLER,
    "full_name": "shop.fulfil_order@1.0.0",
    "context_schema": {
        "type": "object",
        "properties": {"order": {"type": "string"}, "amount_cents": {"type": "integer", "minimum": 1}},
        "required": ["order", "amount_cents"],
    },
    "step_templates": [
        _template("reserve"),
        _template("charge", "reserve", default_retry_limit=5),
        _template("pack", "reserve"),
        _template("ship", "charge", "pack", custom_events=["parcel_sent"]),
    ],
    "dependency_graph": {
        "nodes": NAMES,
        "edges": [
            {"from": "reserve", "to": "charge"},
            {"from": "reserve", "to": "pack"},
            {"from": "charge", "to": "ship"},
            {"from": "pack", "to": "ship"},
        ],
        "execution_order": NAMES,
    },
}
ORDER = {
    "name": "fulfil_order",
    "namespace": "shop",
    "version": "1.0.0",
    "context": {"order": "2207", "amount_cents": 4990},
    "reason": "paid",
    "tags": ["web"],
    "idempotency_key": "order-2207",
}
TASK = {
    "id": TASK_ID,
    "name": "fulfil_order",
    "namespace": "shop",
    "version": "1.0.0",
    "full_name": "shop.fulfil_order@1.0.0",
    "status": "in_progress",
    "context": {"order": "2207", "amount_cents": 4990},
    "initiator": "oscar",
    "source_system": None,
    "reason": "paid",
    "tags": ["web"],
    "created_at": "2026-04-13T15:42:05.901000Z",
    "updated_at": _ENDED,
    "started_at": _STARTED,
    "completed_at": None,
}
TASKS = {
    "tasks": [TASK],
    "pagination": {"current_page": 1, "per_page": 25, "total_pages": 1, "total_count": 1},
}
_SUMMARY: dict[str, Any] = {
    "id": STEP_ID,
    "name": "charge",
    "status": "complete",
    "results": {"receipt": "r-81"},
    "attempts": 1,
    "started_at": _STARTED,
    "completed_at": _ENDED,
}
TASK_DETAIL = {
    **TASK,
    "steps": [_SUMMARY],
    "dependencies": {
        "analysis": "2 of 4 steps are complete; pack is ready; ship waits for pack; "
        "the critical path has 3 steps and took 1,050 ms.",
        "ready_steps": ["pack"],
        "blocked_steps": [{"step": "ship", "waiting_for": ["pack"]}],
        "completed_steps": ["reserve", "charge"],
        "critical_path": ["reserve", "charge", "ship"],
        "critical_path_ms": 1050.0,
        "parallelism": 2,
    },
}
STEP = {
    **_SUMMARY,
    "task_id": TASK_ID,
    "retry_limit": 5,
    "retryable": True,
    "skippable": False,
    "inputs": {},
    "error": None,
    "depends_on": ["reserve"],
    "dependents": ["ship"],
    "ready": False,
    "next_retry_at": None,
    "duration_ms": 1050.0,
    "run_task_id": RUN_ID,
}
STEPS = {"steps": [STEP]}
ONE_STEP = {"step": STEP}
CANCELLED = {"cancelled": True}
TASK_CHANGE = {"reason": "asked for by phone", "tags": ["web", "vip"]}
STEP_CHANGE = {"status": "resolved_manually", "results": {"receipt": "by hand"}}


def error(code: str, message: str, details: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The body of an error."""
    told = {"type": code.title().replace("_", ""), "message": message, "code": code}
    return {"error": {**told, **({"details": details} if details else {})}}


# What each error means, and one of its bodies.
ERRORS: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "INVALID_PARAMETER: a parameter cannot be used. MALFORMED_REQUEST: the body is no JSON object.",
        error("INVALID_PARAMETER", "page: A valid integer is required.", {"page": ["A valid integer is required."]}),
    ),
    401: (
        "AUTHENTICATION_FAILED: no token, a malformed or expired one, another scheme, or an account not active.",
        error("AUTHENTICATION_FAILED", "Log in first: send 'Authorization: Bearer <token>'."),
    ),
    403: (
        "AUTHORIZATION_FAILED: the account's role does not allow it; a refused act stands in the operators' trail.",
        error("AUTHORIZATION_FAILED", "Your role may look but not act. Ask an administrator for the operator role."),
    ),
    404: ("TASK_NOT_FOUND: there is no such task.", error("TASK_NOT_FOUND", "There is no such task.")),
    409: (
        "Its state does not allow it.",
        error("TASK_NOT_CANCELLABLE", "Cannot cancel a workflow that is completed."),
    ),
    413: (
        "MALFORMED_REQUEST: the body is larger than 1 MiB.",
        error("MALFORMED_REQUEST", "The body is larger than 1,048,576 bytes, the most that is accepted."),
    ),
    415: (
        "MALFORMED_REQUEST: the body is not JSON.",
        error("MALFORMED_REQUEST", 'Unsupported media type "text/plain" in request.'),
    ),
    422: (
        "INVALID_TASK_CONFIG: what was sent cannot be used; mistakes in the context by their JSON path.",
        error(
            "INVALID_TASK_CONFIG",
            "$.amount_cents: 0 is less than the minimum of 1.",
            {"$.amount_cents": ["0 is less than the minimum of 1."]},
        ),
    ),
    429: (
        "TOO_MANY_REQUESTS: of this account, or from this address.",
        error("TOO_MANY_REQUESTS", "Too many requests. Try again in 3 seconds."),
    ),
    503: (
        "SYSTEM_NOT_READY: the database cannot be reached.",
        error("SYSTEM_NOT_READY", "The database cannot be reached or is busy. Nothing was changed; try again."),
    ),
}
NO_NAMESPACE = {
    404: (
        "NAMESPACE_NOT_FOUND: no handler is registered in it.",
        error("NAMESPACE_NOT_FOUND", "There is no namespace 'x'."),
    )
}
NO_HANDLER = {
    404: (
        "HANDLER_NOT_FOUND or NAMESPACE_NOT_FOUND: there is none of that name, or not in that version.",
        error("HANDLER_NOT_FOUND", "There is no handler 'shop.fulfil_order@9.9.9'. Its versions are 1.0.0."),
    )
}
NO_STEP = {
    404: (
        "STEP_NOT_FOUND or TASK_NOT_FOUND: there is none of that id or name.",
        error("STEP_NOT_FOUND", "There is no such step."),
    )
}
STEP_RUNS = {
    409: (
        "STEP_NOT_EDITABLE: it runs or is over.",
        error("STEP_NOT_EDITABLE", "Cannot change a step that is running."),
    ),
    422: (
        "INVALID_STEP_UPDATE: what was sent cannot be used.",
        error(
            "INVALID_STEP_UPDATE",
            "retry_limit: Ensure this value is less than or equal to 100.",
            {"retry_limit": ["Ensure this value is less than or equal to 100."]},
        ),
    ),
}


def not_now(code: str, message: str) -> dict[int, tuple[str, dict[str, Any]]]:
    """The 409 of one verb."""
    return {409: (f"{code}: its state does not allow it.", error(code, message))}
