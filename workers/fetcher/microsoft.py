"""How the contacts of a mailbox are read: all folders, each by a delta query. Pure.

Facts: learn.microsoft.com/graph (contact-delta, contactfolder-list-childfolders, outlook-immutable-id, paging).
`/me/contactFolders` leaves out the default folder, or does not: its id is learned from a contact in it. Links of the
provider are followed as they are, and only below our base.
"""

from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import replace

from app.connections.http import Foreign, below
from workers.fetcher.stand import Malformed, Mark, Page, Request, Stand

PAGE = 500
FIELDS = (
    "id,changeKey,parentFolderId,displayName,givenName,middleName,surname,title,generation,nickName,fileAs,"
    "emailAddresses,businessPhones,homePhones,mobilePhone,companyName,department,jobTitle,businessAddress,homeAddress,"
    "otherAddress,birthday,categories,personalNotes,businessHomePage,lastModifiedDateTime"
)
MOST_FOLDERS = 1000
_IDS = 'IdType="ImmutableId"'
"""The usual ids change when an item moves to another folder."""


class _Folder(msgspec.Struct):
    id: str = ""
    parentFolderId: str = ""  # noqa: N815  # Microsoft's names


class _Answer(msgspec.Struct):
    value: list[msgspec.Raw]
    next_link: str = msgspec.field(default="", name="@odata.nextLink")
    delta_link: str = msgspec.field(default="", name="@odata.deltaLink")


_decode = msgspec.json.Decoder(_Answer).decode
_folder = msgspec.json.Decoder(_Folder).decode


class Microsoft:
    """See `stand.Course`."""

    profile = f"microsoft 1 {FIELDS}"

    def __init__(self, api: str) -> None:
        self._api = api.rstrip("/")

    def begin(self, mark: Mark | None, *, full: bool, others: bool, now: float) -> Stand:
        if full or mark is None or mark.profile != self.profile:
            return Stand(stage="default", full=True, full_at=now)
        return Stand(stage="default", full=False, full_at=mark.full_at, old=mark.tokens)

    def request(self, stand: Stand) -> Request:
        prefer = f"{_IDS}, odata.maxpagesize={PAGE}" if stand.stage == "contacts" else _IDS
        return Request(stand.cursor or self._first(stand), {"Prefer": prefer})

    def _first(self, stand: Stand) -> str:
        base = f"{self._api}/me/contactFolders"
        match stand.stage:
            case "default":
                return f"{self._api}/me/contacts?{urlencode({'$top': '1', '$select': 'parentFolderId'})}"
            case "folders":
                return f"{base}?{urlencode({'$top': '100', '$select': 'id'})}"
            case "children":
                folder = quote(stand.folders[stand.at], safe="")
                return f"{base}/{folder}/childFolders?{urlencode({'$top': '100', '$select': 'id'})}"
            case _:
                folder = stand.folders[stand.at]
                known = stand.old.get(_stream(folder))
                first = f"{base}/{quote(folder, safe='')}/contacts/delta?{urlencode({'$select': FIELDS})}"
                return known or first

    def take(self, stand: Stand, body: bytes) -> Page:
        try:
            answer = _decode(body)
            if stand.stage == "contacts":
                return self._contacts(stand, answer)
            found = [_folder(item) for item in answer.value]
        except msgspec.DecodeError as error:
            raise Malformed("this is no page of Graph") from error
        new = [each.parentFolderId if stand.stage == "default" else each.id for each in found]
        folders = tuple(dict.fromkeys((*stand.folders, *filter(None, new))))
        if len(folders) > MOST_FOLDERS:
            raise Malformed(f"a mailbox has more than {MOST_FOLDERS} folders of contacts")
        stand = replace(stand, folders=folders)
        if stand.stage != "default" and answer.next_link:
            return Page([], "", self._followed(stand, answer.next_link))
        return Page([], "", _next_list(replace(stand, cursor="")))

    def _contacts(self, stand: Stand, answer: _Answer) -> Page:
        stream = _stream(stand.folders[stand.at])
        if answer.next_link:
            return Page(answer.value, stream, self._followed(stand, answer.next_link))
        if not answer.delta_link:
            raise Malformed("a delta query ended without a link for the next one")
        tokens = {**stand.tokens, stream: self._ours(answer.delta_link)}
        stand = replace(stand, tokens=tokens, cursor="", at=stand.at + 1)
        return Page(answer.value, stream, stand if stand.at < len(stand.folders) else replace(stand, stage="end"))

    def _followed(self, stand: Stand, link: str) -> Stand:
        if link == stand.cursor:
            raise Malformed("a page names itself as the next one")
        return replace(stand, cursor=self._ours(link))

    def _ours(self, link: str) -> str:
        try:
            below(link, self._api)
        except Foreign as error:
            raise Malformed("a link leads away from Graph") from error
        return link

    def anew(self, stand: Stand, segments: int) -> Stand:
        """Of a pass for changes all folders are read anew; in a full one only the one in hand."""
        stand = replace(stand, cursor="", restarts=stand.restarts + 1)
        if stand.full or stand.stage != "contacts":
            return stand
        return replace(stand, full=True, old={}, tokens={}, at=0, since=segments)

    def mark(self, stand: Stand) -> Mark:
        return Mark(profile=self.profile, tokens=stand.tokens, groups={}, full_at=stand.full_at)


def _stream(folder: str) -> str:
    return f"folder:{folder}"


def _next_list(stand: Stand) -> Stand:
    """After a list of folders: those of the next one, and after the last the contacts of all."""
    if stand.stage == "default":
        return replace(stand, stage="folders")
    at = 0 if stand.stage == "folders" else stand.at + 1
    if at < len(stand.folders):
        return replace(stand, stage="children", at=at)
    stand = replace(stand, stage="contacts" if stand.folders else "end", at=0)
    vanished = stand.old.keys() - {_stream(folder) for folder in stand.folders}
    # Its people may be gone with it: only a full pass can tell.
    return replace(stand, full=True, old={}) if vanished else stand
