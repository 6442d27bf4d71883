"""Fixtures of this folder; pytest finds them here."""

from tests.browser import chromium, visitor
from tests.whole import client, stack

__all__ = ["chromium", "client", "stack", "visitor"]
