"""Identifiers with a format."""

from __future__ import annotations


class StreamId(str):
    """`CAMERA/KIND`, for example `xd-0017/main`."""

    __slots__ = ()

    @property
    def camera(self) -> str:
        """The camera's id."""
        return self.partition("/")[0]

    @property
    def kind(self) -> str:
        """`main` or `sub`."""
        return self.partition("/")[2]
