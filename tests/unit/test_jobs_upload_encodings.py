"""An upload in any encoding becomes the same segments, whoever goes on with it, and wherever a piece ends."""

import msgspec
import pytest

from app.core.reading.plan import Plan
from app.core.reading.text import CODECS
from app.jobs import upload as uploads
from app.jobs.jobs import Job
from tests.unit.test_jobs_upload import PLAN, Knows, Scene, cut_up, new_job

TEXT = "E-mail,Note\r\n" + "".join(f'p{n}@example.org,"Jörg, größer\nals {n}"\r\n' for n in range(2_000))


@pytest.mark.parametrize("name", ["windows-1252", "utf-16le", "utf-16be", "macintosh", "gb18030"])
async def test_a_file_in_another_encoding_may_be_interrupted_anywhere(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reads(Knows):
        def complete(self, job: Job, head: bytes, whole: bool) -> Plan:
            return msgspec.structs.replace(PLAN, encoding=name)

    monkeypatch.setattr(uploads, "HEAD_BYTES", 4_000)
    data = TEXT.encode(CODECS[name], "replace")
    scene = Scene(new_job(), reader=Reads())
    middle = len(data) // 2 | 1
    for part in (data[:middle], data[middle:]):
        upload = await scene.writer()
        for piece in cut_up(part, (1, 9_999, 2, 3_001)):
            await upload.take(piece)
        await (upload.finish() if upload.received == len(data) else upload.pause())
        await upload.close()
    segments = scene.log.segments
    assert b"".join(segments[index] for index in sorted(segments)).decode() == data.decode(CODECS[name])
    assert (scene.row.job.sealed, scene.row.job.received) == (True, len(data))
