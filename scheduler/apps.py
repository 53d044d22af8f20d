from django.apps import AppConfig


class SchedulerConfig(AppConfig):
    """What should run, when, after what."""

    name = "scheduler"

    def ready(self) -> None:
        from monitoring import callables, doctor, health, rebuilding, reconciling, retention
        from scheduler import (
            advancing,
            aging,
            attempts,
            checks,  # noqa: F401  # registers checks
            doctoring,
            missed,
            outcomes,
            registry,
            webhooks,
            workflow_reconcile,
            workflow_recounts,
        )

        callables.register_inner(attempts.run_attempt, warm_up=attempts.warm_up)
        callables.register_inner(webhooks.deliver)
        outcomes.listen()
        advancing.listen()
        registry.discover()
        health.look_also(missed.overdue)
        health.look_also(missed.missed)
        reconciling.leave_to(workflow_reconcile.puts_back)
        rebuilding.count_also(rebuilding.Recount(workflow_recounts.rebuild, workflow_recounts.differences))
        retention.keep_for_a_time(aging.KINDS)
        doctor.examine_also("dispatcher", doctoring.dispatchers)
