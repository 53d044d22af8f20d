"""Measures what the README promises. ``python -m benchmarks`` runs all, ``python -m benchmarks recorder`` one."""
