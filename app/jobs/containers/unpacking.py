"""A container of any kind -> the texts in it. Runs in the child, and in tests of what is in files."""

from typing import IO

from app.jobs.containers import archives, workbooks
from app.jobs.containers.kinds import kind_of
from app.jobs.containers.output import Output
from app.jobs.containers.parts import Unpacked


def unpack(source: IO[bytes], target: IO[bytes], most: int = 0) -> Unpacked:
    """Writes the texts in `source` to `target`, at most `most` bytes of each (0: all). Raises Rejected."""
    output = Output(target, most)
    kind = kind_of(source)
    if kind == "zip":
        found = archives.write(source, output)
    else:
        found = Unpacked(kind=kind, texts=list(workbooks.write(source, kind, output)))
    output.flush()
    return found
