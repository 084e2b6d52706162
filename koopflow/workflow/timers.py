"""Snakemake's timers, which outlive its last job."""

import threading


def end_timers() -> None:
    """Cancel the timers that Snakemake's scheduler has left.

    Each looks for ready jobs after the time span of ``max-jobs-per-timespan``; Python would wait for all
    of them before it exits (Snakemake 9.27).
    """
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
