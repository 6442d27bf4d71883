"""Workspaces of their own for a campaign, each with a program that belongs to its owner."""

from app.stack.whole import Whole
from bench.client import Client


async def tenant(stack: Whole, slug: str) -> Client:
    """Makes the workspace `slug` (its id: `app.core.workspaces.workspace_id`) and answers its owner's client."""
    raise NotImplementedError
