"""The embedded servers and the supervisor: everything on one machine, for `make run`, tests and bench."""


class Refused(Exception):
    """It cannot go on; the message is one sentence for the person at the terminal that says what mends it."""
