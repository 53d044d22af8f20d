"""The one signal, by which this app tells those above it, which it cannot import."""

from __future__ import annotations

from django.dispatch import Signal

task_over = Signal()
"""Tasks are over, or are not any more: ``ends`` is a list of ``batch.End``, in the order in which it happened.

Sent by the recorder inside the transaction that records it, once per batch: what a receiver writes is kept exactly if
the record is. A receiver must cost nothing when none of the tasks is its own, and must not fail for reasons of its own:
what it raises is taken for a batch that cannot be recorded.
"""
