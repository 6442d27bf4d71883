"""Fixtures of this folder; pytest finds them here."""

from tests.browser import chromium, visitor
from tests.e2e.accounts import admin
from tests.whole import client, stack

__all__ = ["admin", "chromium", "client", "stack", "visitor"]
