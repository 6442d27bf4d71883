"""Containers of the corpus: unpacked as the limited process does it, and read as an import would."""

import io
import tempfile
from uuid import UUID

from app.core.events import SegmentHeader
from app.core.reading import plans, segments
from app.core.reading.plan import Plan
from app.core.reading.plans import Completion, Defaults
from app.jobs.containers.contents import understand
from app.jobs.containers.segmenting import Segmenter
from app.jobs.containers.unpacking import unpack
from app.jobs.outlet import Piece


def read(data: bytes, given: Plan | None, defaults: Defaults) -> tuple[Plan, list[segments.Reading]]:
    """The plan of a container, and what its segments hold. Raises Rejected."""

    def look(head: bytes, whole: bool, wanted: Plan | None) -> Completion:
        return plans.complete(head, whole=whole, given=wanted, defaults=defaults, remembered=lambda signature: None)

    with tempfile.TemporaryFile() as texts:
        contents = understand(unpack(io.BytesIO(data), texts), texts, given, look).contents
        batches = list(Segmenter(contents, len(data)).batches(texts))
    return contents.plan, [segments.read(piece.cut.data, header_of(piece)) for batch in batches for piece in batch]


def header_of(piece: Piece) -> SegmentHeader:
    """The header with which intake would send a segment."""
    cut = piece.cut
    return SegmentHeader(
        workspace=UUID(int=1),
        import_id=UUID(int=2),
        index=cut.index,
        order_second=1,
        start=cut.start,
        end=cut.end,
        first_line=cut.first_line,
        crc32c=0,
        plan=piece.plan,
        opens=cut.opens,
        continues=cut.continues,
        member=piece.member,
        begins=piece.begins,
    )
