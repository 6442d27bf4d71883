"""Sign-in codes: short enough to be typed, too many to be guessed.

24 characters of Crockford's base 32 are 120 random bits. Typing forgives case, spaces, dashes and letters that look
like digits.
"""

import secrets
from hashlib import sha256

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 24
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


def new_code() -> str:
    """A code as it is shown: `7K3P-…`, six groups of four."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, _LENGTH, 4))


def digest(code: str) -> bytes:
    """What is kept of a code, however it was typed."""
    return sha256(code.strip().upper().translate(_LOOK_ALIKES).encode()).digest()
