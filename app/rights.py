"""`python -m app.rights` makes a user (SCRAM-SHA-512) for each service of `app.core.rights`, and the ACLs of its table.

It speaks as an administrator (KAFKA_*) and takes each service's password from KAFKA_PASSWORD_<SERVICE>. What a service
may no longer do is taken from it; what others may is left alone. The brokers need an authorizer and SASL.
"""

import asyncio
import hashlib
import os
import secrets
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import (
    CreateAclsRequest,
    CreateAclsRequest_v1,
    DeleteAclsRequest,
    DeleteAclsRequest_v1,
    DescribeAclsRequest,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from app import bus, config
from app.core.errors import TryAgain
from app.core.rights import SERVICES, Right, rights

ITERATIONS = 8192
"""Of PBKDF2; passwords here are random, so more of them would only make each connection slower."""
_SHA_512 = 2
_KINDS = {"topic": 2, "group": 3, "transactional id": 5}
_OPERATIONS = {"read": 3, "write": 4, "describe": 8}
_ANY, _LITERAL, _PREFIXED, _ALLOW, _EVERYWHERE = 1, 3, 4, 3, "*"


class Acl(NamedTuple):
    """One ACL as the broker keeps it, in its own numbers."""

    resource_type: int
    resource_name: str
    pattern_type: int
    principal: str
    host: str
    operation: int
    permission_type: int


def acls(service: str, sites: Collection[str] = ()) -> set[Acl]:
    """What the table says of one service, as ACLs."""
    return {_acl(service, right) for right in rights(service, sites)}


async def ensure(settings: config.Process, passwords: Mapping[str, str]) -> tuple[int, int]:
    """Gives every service its user and exactly its rights; answers how many ACLs came and went. Raises TryAgain."""
    admin = AIOKafkaAdminClient(**bus.connection(settings), client_id=settings.process_name)
    try:
        await admin.start()
        await _users(admin, passwords)
        ours = {f"User:{service}" for service in SERVICES}
        found = {acl for acl in await _found(admin) if acl.principal in ours}
        wanted = {acl for service in SERVICES for acl in acls(service, settings.others)}
        await _delete(admin, sorted(found - wanted))
        await _create(admin, sorted(wanted - found))
        return len(wanted - found), len(found - wanted)
    except (KafkaError, OSError) as error:
        raise TryAgain(f"Kafka at {settings.kafka_bootstrap} did not take users and rights: {error!r}") from error
    finally:
        await admin.close()


def _acl(service: str, right: Right) -> Acl:
    pattern = _PREFIXED if right.prefixed else _LITERAL
    operation = _OPERATIONS[right.operation]
    return Acl(_KINDS[right.kind], right.name, pattern, f"User:{service}", _EVERYWHERE, operation, _ALLOW)


async def _found(admin: AIOKafkaAdminClient) -> list[Acl]:
    answer = await admin._send_request(DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY))
    _check([(answer.error_code, answer.error_message)])
    return [Acl(kind, name, pattern, *acl) for kind, name, pattern, all_ in answer.resources for acl in all_]


async def _create(admin: AIOKafkaAdminClient, wanted: list[Acl]) -> None:
    if wanted:
        _check((await admin._send_request(_Creations(wanted))).creation_responses)


async def _delete(admin: AIOKafkaAdminClient, unwanted: list[Acl]) -> None:
    if unwanted:
        answer = await admin._send_request(_Deletions(unwanted))
        _check([(code, why) for code, why, _ in answer.filter_responses])


async def _users(admin: AIOKafkaAdminClient, passwords: Mapping[str, str]) -> None:
    answer = await admin._send_request(_Users([_user(name, password) for name, password in passwords.items()]))
    _check([(code, f"{name}: {why}") for name, code, why, _ in answer.results])


def _user(name: str, password: str) -> tuple[Any, ...]:
    # The broker never learns the password itself (RFC 5802).
    salt = secrets.token_bytes(24)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return name, _SHA_512, ITERATIONS, salt, salted, {}


def _check(answers: Iterable[tuple[int, str | None]]) -> None:
    for code, why in answers:
        if code != 0:
            raise for_code(code)(why)


# aiokafka sends ACLs one at a time, and knows no users.


class _Creations(CreateAclsRequest):  # type: ignore[misc]
    def __init__(self, all_: list[Acl]) -> None:
        self._all = all_

    def build(self, request_struct_class: Any) -> Any:
        return CreateAclsRequest_v1(self._all)


class _Deletions(DeleteAclsRequest):  # type: ignore[misc]
    def __init__(self, all_: list[Acl]) -> None:
        self._all = all_

    def build(self, request_struct_class: Any) -> Any:
        return DeleteAclsRequest_v1(self._all)


class _UsersResponse(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _UsersRequest(RequestStruct):  # type: ignore[misc]
    """AlterUserScramCredentials, https://kafka.apache.org/protocol#The_Messages_AlterUserScramCredentials"""

    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _UsersResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Users(Request[_UsersRequest]):  # type: ignore[misc]
    API_KEY = 51

    def __init__(self, users: list[tuple[Any, ...]]) -> None:
        self._users = users

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class([], self._users, {})


def main() -> None:
    settings = config.read_or_exit(config.Rights)
    passwords = {name: os.environ.get(f"KAFKA_PASSWORD_{name.upper()}", "") for name in SERVICES}
    if missing := [f"KAFKA_PASSWORD_{name.upper()}" for name, password in passwords.items() if not password]:
        print(f"addressbus: {' and '.join(missing)} must be set (see .env.example)", file=sys.stderr)
        raise SystemExit(2)
    try:
        came, went = asyncio.run(ensure(settings, passwords))
    except TryAgain as error:
        print(f"addressbus: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    print(f"{len(passwords)} users, {came} rights given, {went} taken")


if __name__ == "__main__":
    main()
