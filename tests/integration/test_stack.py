"""The embedded servers: what a test can rely on."""

from typing import Protocol

import psycopg
from aiokafka.admin import AIOKafkaAdminClient

from app.core.topics import TOPICS


class Servers(Protocol):
    @property
    def kafka(self) -> str: ...
    @property
    def redis(self) -> str: ...
    @property
    def postgres(self) -> str: ...
    def dsn(self, role: str) -> str: ...


async def test_every_topic_exists_with_the_same_number_of_partitions(servers: Servers) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    described = await admin.describe_topics([topic.name for topic in TOPICS])
    await admin.close()
    assert {len(topic["partitions"]) for topic in described} == {12}
    assert all(topic["error_code"] == 0 for topic in described)


def test_postgres_folds_the_case_of_every_script_and_asks_for_a_password(servers: Servers) -> None:
    with psycopg.connect(servers.postgres) as connection:
        found = connection.execute("select upper('straße'), lower('ÄÖÜ'), current_setting('server_version_num')::int")
        assert found.fetchone() == ("STRASSE", "äöü", 180004)
