"""Workspaces of their own for a campaign, each with a program that belongs to its owner."""

from uuid import uuid4

from app import sql
from app.core.channels import holder_of
from app.core.workspaces import workspace_id
from app.stack.whole import Whole
from app.web import accounts
from app.web.authentication import digest, new_token
from app.web.store import Store
from bench.client import Client


async def tenant(stack: Whole, slug: str) -> Client:
    """Makes the workspace `slug` (its id: `app.core.workspaces.workspace_id`) and answers its owner's client."""
    facts = stack.facts()
    workspace, address, token = workspace_id(slug), f"owner@{slug}.example", new_token()
    async with sql.make_pool(facts["postgres"]["web"], "campaign", size=1) as pool:
        store = Store(pool)
        await accounts.found_workspace(store, slug, slug, address)
        person = next(who for found, who in await store.workspaces_of(address) if found.id == workspace)
        await store.add_token(
            workspace, person, uuid4(), digest(token), holder_of(token), "Campaign", "owner", days=None
        )
    return Client(facts["web"], token)
