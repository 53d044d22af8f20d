"""Breaks a whole Quarterdeck on purpose, one fault after another, and looks whether anything was lost or doubled.

``make chaos`` runs every fault; ``python -m chaos recorder-killed`` runs one. Each fault gets a Quarterdeck of its own
(``sites``) on servers of its own (``servers``), under a steady load of jobs (``load``). It is broken and mended
(``faults``); then every job that was accepted must be accounted for (``verdict``).
"""
