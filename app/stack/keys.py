"""Passwords and keys of one DATA_DIR: made once, kept in a file that only its owner can read."""

import json
import os
import secrets
from pathlib import Path

import msgspec

from app import sql
from app.core import rights


class Secrets(msgspec.Struct, frozen=True):
    """What nobody chose: every value is random and of this DATA_DIR alone."""

    postgres: str
    redis: str
    channel_keys: str
    data_keys: str
    cluster: str
    roles: dict[str, str]
    kafka: dict[str, str]


def load(path: Path) -> Secrets:
    """Reads the file; makes it where it is missing, and what a newer version needs beside it."""
    kept = json.loads(path.read_bytes()) if path.exists() else {}
    made = {
        "postgres": secrets.token_urlsafe(24),
        "redis": secrets.token_urlsafe(24),
        "channel_keys": f"{secrets.token_hex(4)}:{secrets.token_hex(32)}",
        "data_keys": f"{secrets.token_hex(4)}:{secrets.token_hex(32)}",
        "cluster": secrets.token_urlsafe(16)[:22],
    }
    roles = {role: secrets.token_urlsafe(24) for role in sql.ROLES}
    users = {user: secrets.token_urlsafe(24) for user in ("admin", *rights.SERVICES)}
    whole = {
        **made,
        **kept,
        "roles": {**roles, **kept.get("roles", {})},
        "kafka": {**users, **kept.get("kafka", {})},
    }
    if whole != kept:
        write_private(path, json.dumps(whole, indent=2))
    return msgspec.convert(whole, Secrets)


def write_private(path: Path, text: str) -> None:
    """Writes `path` (0600) in one step: a reader sees the old or the new text, never half of it."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(new, path)
