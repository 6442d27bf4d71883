"""Who is to be told of a change, and how: the import's own channel and its workspace's."""

from collections.abc import Iterator

from app.core.channels import workspace_channel
from app.core.events import Notice
from app.core.folding import Kind
from app.core.imports import State

SINCE = "since"
"""Header of a notice: when the fact behind it was written (Unix seconds), for the delay that people see."""


def notices(kind: Kind, state: State) -> Iterator[Notice]:
    """One notice for each channel that hears of this import."""
    if state.channel is not None:
        yield Notice(workspace=state.workspace, channel=state.channel, kind=kind, state=state)
    yield Notice(workspace=state.workspace, channel=workspace_channel(state.workspace), kind=kind, state=state)
