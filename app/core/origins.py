"""Where the fields of a contact are from: said field by field only where they are from several imports.

Of most contacts all fields are from one import. Naming it beside every field would double what travels and is stored,
so it is said once, or not at all where the contact has no other source, and put back when somebody asks.
"""

from typing import Any

import msgspec

from app.core.contacts import SCALARS

_encode = msgspec.json.Encoder().encode


def completed(doc: bytes) -> bytes:
    """A contact's JSON with the origin of every field."""
    contact: dict[str, Any] = msgspec.json.decode(doc)
    sources = contact.get("sources", ())
    origin = contact.pop("origin", sources[0] if len(sources) == 1 else None)
    if "origins" in contact or origin is None:
        return doc
    contact["origins"] = dict.fromkeys((field for field in SCALARS if contact.get(field)), origin)
    return _encode(contact)
