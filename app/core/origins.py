"""Where the fields of a contact are from: said field by field only where a contact has several sources.

Most contacts come from one import alone. Naming it beside every field would double what travels and is stored, so it is
left out on the way and put back when somebody asks.
"""

from typing import Any

import msgspec

from app.core.contacts import SCALARS

_encode = msgspec.json.Encoder().encode


def completed(doc: bytes) -> bytes:
    """A contact's JSON with the origin of every field."""
    contact: dict[str, Any] = msgspec.json.decode(doc)
    sources = contact.get("sources", ())
    if "origins" in contact or len(sources) != 1:
        return doc
    contact["origins"] = dict.fromkeys((field for field in SCALARS if contact.get(field)), sources[0])
    return _encode(contact)
