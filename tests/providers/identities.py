"""id_tokens: RS256, with a key that the seed decides, so that the same seed signs the same bytes."""

import json
from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.providers.seeds import Seed

_SMALL = [n for n in range(3, 2_000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


def id_token(seed: Seed, claims: dict[str, Any]) -> str:
    head = {"alg": "RS256", "typ": "JWT", "kid": _kid(seed.number)}
    text = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    signature = _key(seed.number).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{_base64(signature)}"


def keys(seed: Seed) -> dict[str, Any]:
    """The JWK set that checks them."""
    public = _key(seed.number).public_key().public_numbers()
    modulus = public.n.to_bytes((public.n.bit_length() + 7) // 8)
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _kid(seed.number), "n": _base64(modulus), "e": "AQAB"}
    return {"keys": [key]}


def _kid(number: int) -> str:
    return f"simulated-{number}"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache(maxsize=4)
def _key(number: int) -> rsa.RSAPrivateKey:
    """A toy: anybody who knows the seed knows the key."""
    seed = Seed(number)
    p, q = sorted((_prime(seed, "p"), _prime(seed, "q")), reverse=True)
    exponent = 65_537
    private = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, p * q)
    numbers = rsa.RSAPrivateNumbers(
        p, q, private, rsa.rsa_crt_dmp1(private, p), rsa.rsa_crt_dmq1(private, q), rsa.rsa_crt_iqmp(p, q), public
    )
    return numbers.private_key()


def _prime(seed: Seed, name: str) -> int:
    start = int.from_bytes(seed.bytes("prime", name, 1, size=64) + seed.bytes("prime", name, 2, size=64))
    number = start | (0b11 << 1022) | 1
    while (number - 1) % 65_537 == 0 or any(number % small == 0 for small in _SMALL) or pow(2, number - 1, number) != 1:
        number += 2
    return number
