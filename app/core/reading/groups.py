"""Groups of one segment become labels of their members; those are found by what the file calls them."""

from typing import NamedTuple

from app.core.contacts import Person
from app.core.events import ProblemOut


class Read(NamedTuple):
    """What became of one card or entry: a person with all it may be called in groups, or a problem. With `members`
    it is a group, called `group`, and `found` is the problem that it is if some of them are not here."""

    found: Person | ProblemOut
    identities: tuple[str, ...] = ()
    group: str = ""
    members: tuple[str, ...] | None = None


class Groups:
    """Collects what a segment holds, and gives people their labels at the end."""

    def __init__(self) -> None:
        self._people: list[Person] = []
        self._problems: list[ProblemOut] = []
        self._groups: list[Read] = []
        self._known: dict[str, int] = {}

    def add(self, read: Read) -> None:
        """The next card or entry."""
        if read.members is not None:
            self._groups.append(read)
        elif isinstance(read.found, Person):
            for identity in read.identities:
                self._known.setdefault(identity, len(self._people))
            self._people.append(read.found)
        else:
            self._problems.append(read.found)

    def result(self) -> tuple[list[Person], list[ProblemOut]]:
        """The people and the problems, both in the order of the file."""
        if self._groups:
            self._label()
        return self._people, self._problems

    def _label(self) -> None:
        addresses = {email.value: at for at, person in enumerate(self._people) for email in person.emails}
        for group in self._groups:
            places = [self._known.get(member, addresses.get(member)) for member in group.members or ()]
            for at in places:
                if at is not None and group.group and group.group not in self._people[at].labels:
                    person = self._people[at]
                    self._people[at] = person._replace(labels=(*person.labels, group.group))
            if None in places and isinstance(group.found, ProblemOut):
                self._problems.append(group.found)
        self._problems.sort(key=lambda told: told.row)
