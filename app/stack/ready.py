"""Waiting for servers, and making them fit for work: an answer, schemas, topics. `what` is a server's name in words."""

import asyncio
import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Mapping

import psycopg
import redis

from app import config, sql, topics
from app import rights as kafka_rights
from app.core.errors import TryAgain
from app.stack import Refused
from app.stack.keys import Secrets

Alive = Callable[[], str | None]
"""None while the server's process can be kept running, else what is wrong with it, in words."""


def postgres(what: str, dsn: str, alive: Alive, seconds: float = 60) -> None:
    """Returns once PostgreSQL lets its administrator in. Raises Refused."""

    def attempt() -> None:
        psycopg.connect(dsn, connect_timeout=5).close()

    answers(what, attempt, (psycopg.OperationalError,), alive, seconds)


def valkey(what: str, url: str, alive: Alive, seconds: float = 30) -> None:
    """Returns once Redis or Valkey answers. Raises Refused."""

    def attempt() -> None:
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            client.ping()

    answers(what, attempt, (redis.RedisError,), alive, seconds)


def kafka(what: str, settings: config.Topics, alive: Alive, seconds: float = 90) -> None:
    """Returns once Kafka answers and has every topic. Raises Refused."""

    def attempt() -> None:
        # aiokafka logs an error for each address that does not answer yet, so knock first.
        for address in settings.kafka_bootstrap.split(","):
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=5).close()
        asyncio.run(topics.ensure(settings))

    try:
        answers(what, attempt, (TryAgain, OSError), alive, seconds)
    except topics.WrongPartitions as error:
        raise Refused(str(error)) from error


def rights(settings: config.Process, passwords: Mapping[str, str]) -> None:
    """Makes Kafka's users and gives them what they may do. Raises Refused."""
    try:
        asyncio.run(kafka_rights.ensure(settings, passwords))
    except TryAgain as error:
        raise Refused(str(error)) from error


def process(name: str, port: int, alive: Alive, seconds: float) -> None:
    """Returns once a process of ours says on /readyz that it does its work. Raises Refused."""

    def attempt() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
            if answer.status != 200:
                raise TryAgain(f"it says: {said}")

    answers(name, attempt, (TryAgain, OSError, http.client.HTTPException), alive, seconds)


def schemas(dsn: str, secrets: Secrets) -> None:
    """Brings roles, schemas and tables to what this code needs. Raises Refused."""
    try:
        sql.migrate(dsn, secrets.roles)
    except psycopg.Error as error:
        raise Refused(f"the database could not be brought up to date: {error}") from error


def answers(
    what: str, attempt: Callable[[], None], away: tuple[type[Exception], ...], alive: Alive, seconds: float
) -> None:
    """Returns once `attempt` raises none of `away` any more. Raises Refused."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except away as error:
            if (trouble := alive()) is not None:
                raise Refused(f"{what} {trouble}") from error
            if time.monotonic() > deadline:
                raise Refused(f"{what} did not answer within {seconds:.0f} seconds ({error})") from error
        time.sleep(0.1)
