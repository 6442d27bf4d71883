"""How a Google address book is read: contact groups, then people, then, if asked for, "other contacts". Pure.

Facts: developers.google.com/people/api/rest/v1 (people.connections.list, otherContacts.list, contactGroups.list).
All parameters of a page, and of a sync token, equal those of the first call.
"""

from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from workers.fetcher.stand import Malformed, Mark, Page, Request, Stand

PAGE = 1000
FIELDS = (
    "names,nicknames,emailAddresses,phoneNumbers,organizations,addresses,birthdays,biographies,urls,"
    "memberships,metadata"
)
OTHER_FIELDS = "names,emailAddresses,phoneNumbers,metadata"
FULL_EVERY_SECONDS = 6 * 86_400
"""A sync token dies seven days after the full pass that it goes back to, however often it was used."""


class _Named(msgspec.Struct):
    resourceName: str = ""  # noqa: N815  # Google's names
    groupType: str = ""  # noqa: N815
    formattedName: str = ""  # noqa: N815
    name: str = ""


class _Answer(msgspec.Struct):
    connections: list[msgspec.Raw] = []
    otherContacts: list[msgspec.Raw] = []  # noqa: N815
    contactGroups: list[_Named] = []  # noqa: N815
    nextPageToken: str = ""  # noqa: N815
    nextSyncToken: str = ""  # noqa: N815


_decode = msgspec.json.Decoder(_Answer).decode


class Google:
    """See `stand.Course`."""

    profile = f"google 1 {FIELDS} {OTHER_FIELDS}"

    def __init__(self, api: str) -> None:
        self._api = api.rstrip("/")

    def begin(self, mark: Mark | None, *, full: bool, others: bool, now: float) -> Stand:
        usable = mark is not None and mark.profile == self.profile and now - mark.full_at < FULL_EVERY_SECONDS
        streams = {"connections", "others"} if others else {"connections"}
        if full or mark is None or not usable or streams - mark.tokens.keys():
            return Stand(stage="groups", full=True, full_at=now, others=others)
        return Stand(
            stage="groups",
            full=False,
            full_at=mark.full_at,
            old=mark.tokens,
            old_groups=mark.groups,
            others=others,
        )

    def request(self, stand: Stand) -> Request:
        if stand.stage == "groups":
            query = {"pageSize": str(PAGE), "groupFields": "name,groupType,metadata"}
            path = "contactGroups"
        else:
            people = stand.stage == "connections"
            path = "people/me/connections" if people else "otherContacts"
            query = {
                "pageSize": str(PAGE),
                "personFields" if people else "readMask": FIELDS if people else OTHER_FIELDS,
                "sources": "READ_SOURCE_TYPE_CONTACT",
                "requestSyncToken": "true",
            }
            if stand.stage in stand.old:
                query["syncToken"] = stand.old[stand.stage]
        if stand.cursor:
            query["pageToken"] = stand.cursor
        return Request(f"{self._api}/{path}?{urlencode(query)}", {})

    def take(self, stand: Stand, body: bytes) -> Page:
        try:
            answer = _decode(body)
        except msgspec.DecodeError as error:
            raise Malformed("this is no page of the People API") from error
        stage = stand.stage
        items = answer.connections if stage == "connections" else answer.otherContacts if stage == "others" else []
        if stage == "groups":
            own = [each for each in answer.contactGroups if each.groupType == "USER_CONTACT_GROUP"]
            names = {each.resourceName: each.formattedName or each.name for each in own}
            stand = replace(stand, groups={**stand.groups, **names})
        if answer.nextPageToken:
            if answer.nextPageToken == stand.cursor:
                raise Malformed("a page names itself as the next one")
            return Page(items, stage, replace(stand, cursor=answer.nextPageToken))
        if stage != "groups" and answer.nextSyncToken:
            stand = replace(stand, tokens={**stand.tokens, stage: answer.nextSyncToken})
        return Page(items, stage, _next_stage(stand))

    def anew(self, stand: Stand, segments: int) -> Stand:
        """Of a pass for changes all people are read anew; in a full one only what the cursor led through."""
        if stand.full:
            return replace(stand, cursor="", restarts=stand.restarts + 1)
        return _full(replace(stand, stage="connections", restarts=stand.restarts + 1), segments)

    def mark(self, stand: Stand) -> Mark:
        return Mark(profile=self.profile, tokens=stand.tokens, groups=stand.groups, full_at=stand.full_at)


def _next_stage(stand: Stand) -> Stand:
    if stand.stage == "groups":
        renamed = any(stand.groups.get(id_, name) != name for id_, name in stand.old_groups.items())
        stand = replace(stand, stage="connections", cursor="")
        # A person names a label by its id: when a label is renamed nobody has changed, and all may have to.
        return _full(stand, 0) if renamed else stand
    if stand.stage == "connections" and stand.others:
        return replace(stand, stage="others", cursor="")
    return replace(stand, stage="end", cursor="")


def _full(stand: Stand, segments: int) -> Stand:
    return replace(stand, full=True, cursor="", old={}, tokens={}, since=segments)
