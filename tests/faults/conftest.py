"""Fixtures of this folder; pytest finds them here."""

from tests.whole import client, stack

__all__ = ["client", "stack"]
