"""The kinds of processes of a station."""

from __future__ import annotations

from enum import StrEnum


class ProcessRole(StrEnum):
    """Values are stored in the table `worker` and are arguments of `minwang worker`."""

    CONTROLLER = "controller"  # web server and timed work
    RECORDER = "recorder"  # records its share of the cameras; one or more
    ANALYST = "analyst"  # patrol, indexing and matching
