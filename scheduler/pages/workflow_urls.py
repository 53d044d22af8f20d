"""The addresses of the pages of workflows and handlers, mounted at ``/{base}/``."""

from __future__ import annotations

from django.urls import path

from scheduler.pages import handlers, workflow, workflow_acting, workflows

urlpatterns = [
    path("workflows", workflows.workflows, name="workflows"),
    path("workflows/parts", workflows.workflows_parts, name="workflows-parts"),
    path("workflows/<uuid:workflow_id>", workflow.workflow_page, name="workflow"),
    path("workflows/<uuid:workflow_id>/parts", workflow.workflow_parts, name="workflow-parts"),
    path("workflows/<uuid:workflow_id>/act", workflow_acting.act_on_workflow, name="workflow-act"),
    path("workflows/<uuid:workflow_id>/steps/<str:name>/act", workflow_acting.act_on_step, name="step-act"),
    path("handlers", handlers.handlers, name="handlers"),
    path("handlers/<str:namespace>/<str:name>", handlers.handler_page, name="handler"),
]
