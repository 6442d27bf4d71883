"""What some thousand contacts, taken at random, tell of all of them: who is frequent, and what an index is good for.

Ids are hashes, so the first contacts in the order of ids are a sample that nobody chose. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

CERTAIN = 5.0
"""Standard deviations: it is once in some million searches that chance brings so many more than there should be."""
ENTRIES_PER_ROW = 10
"""Passing so many entries of the inverted index takes as long as fetching one row of the table (measured: 0.2-0.4 us
an entry, 2-3 us a row)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`met`: of each set of conditions (bit n: the n-th one) how many contacts of the sample meet exactly these.

    `contacts` is how many there are in all.
    """

    contacts: int
    met: Mapping[int, int]

    def meet(self, conditions: int) -> int:
        """How many of the sample meet all of these, whatever else."""
        return sum(n for met, n in self.met.items() if met & conditions == conditions)

    def surely_more(self, than: int, conditions: int) -> bool:
        """Whether certainly more than so many of all contacts meet all of these."""
        size = self.meet(0)
        if not size:
            return False
        share = self.meet(conditions) / size
        return self.contacts * (share - CERTAIN * sqrt(share * (1 - share) / size)) > than

    def worth_asking(self, conditions: int) -> int:
        """Those of the conditions that an index is to be asked for; the others are cheaper to look for in its answer.

        A condition is left out when that adds few rows, and spares passing all the entries of those who meet it.
        """
        asked = conditions
        single = [1 << number for number in range(conditions.bit_length()) if conditions >> number & 1]
        for one in sorted(single, key=self.meet, reverse=True):
            others = asked & ~one
            if others and (self.meet(others) - self.meet(asked)) * ENTRIES_PER_ROW < self.meet(one):
                asked = others
        return asked
