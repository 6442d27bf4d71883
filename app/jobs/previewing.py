"""What a preview answers. Pure."""

from typing import Any

from app.core.reading.plans import PREVIEW_CONTACTS, PREVIEW_PROBLEMS, Completion
from app.jobs.containers.contents import Understood
from app.jobs.jobs import Job


def file(found: Completion, size: int) -> dict[str, Any]:
    """Of a file with `size` bytes."""
    return {
        "plan": found.plan,
        "columns": found.columns,
        "encodings": found.encodings,
        "contacts": found.contacts,
        "problems": found.problems,
        "warnings": found.warnings,
        "estimated_rows": found.estimated_rows(size),
    }


def container(understood: Understood) -> dict[str, Any]:
    """Of a workbook: the sheet that is read, and `sheets`, if there are several. Of a ZIP archive: all of its files."""
    looked = understood.looked
    first = looked[0].completion
    answer = {
        "plan": understood.contents.plan,
        "columns": first.columns,
        "encodings": (),
        "contacts": first.contacts,
        "problems": first.problems,
        "warnings": first.warnings,
        "estimated_rows": sum(seen.rows for seen in looked),
    }
    if understood.contents.plan.format != "zip":
        return answer | ({"sheets": understood.sheets} if len(understood.sheets) > 1 else {})
    contacts = [contact for seen in looked for contact in seen.completion.contacts]
    problems = [problem for seen in looked for problem in seen.completion.problems]
    warnings = [doubt for seen in looked for doubt in seen.completion.warnings]
    members = [
        {"name": seen.name, "format": seen.completion.plan.format, "estimated_rows": seen.rows} for seen in looked
    ]
    unread = [{"name": told.member, "code": told.code, "detail": told.detail} for told in understood.contents.unread]
    return answer | {
        "columns": (),
        "contacts": contacts[:PREVIEW_CONTACTS],
        "problems": problems[:PREVIEW_PROBLEMS],
        "warnings": warnings[:PREVIEW_PROBLEMS],
        "members": [*members, *unread],
    }


def before(job: Job | None) -> dict[str, Any]:
    """That the same file was imported already, if it was."""
    if job is None:
        return {}
    return {"before": {"id": job.id, "name": job.name, "at": job.requested_at, "by": job.requested_by}}
