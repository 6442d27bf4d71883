"""compose.yaml, the Procfile, .env.example and app/config.py tell the same story. No container engine is needed."""

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import config, sql
from app.core import rights
from app.stack.processes import KINDS, procfile

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = {"kafka", "postgres", "valkey"}
PROCESSES = procfile((ROOT / "Procfile").read_text())
EXAMPLE = {
    name: value.strip('"')
    for name, value in re.findall(r"^([A-Z_]+)=(\S*) +# .+$", (ROOT / ".env.example").read_text(), re.MULTILINE)
}
# What does not belong to a process: the passwords that roles get, and those of compose's own servers.
OTHERS = {f"DATABASE_PASSWORD_{role.upper()}" for role in sql.ROLES} | {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}


# Compose's own Kafka asks nobody who they are.
OF_KAFKA = {f"KAFKA_PASSWORD_{service.upper()}" for service in rights.SERVICES}


def kinds() -> list[type[config.Process]]:
    found = [kind for _, kind in inspect.getmembers(config, inspect.isclass) if issubclass(kind, config.Process)]
    assert config.Web in found
    return found


def settings(kind: type[config.Process]) -> set[str]:
    return {field.name.upper() for field in fields(kind)}


def test_every_setting_is_in_the_example_and_the_other_way_round() -> None:
    assert {name for kind in kinds() for name in settings(kind)} | OTHERS | OF_KAFKA == set(EXAMPLE)


def test_every_line_of_the_example_is_a_comment_or_a_setting_with_its_meaning() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    told = [line for line in lines if line and not line.startswith("#")]
    assert len(told) == len(EXAMPLE)


def test_the_defaults_of_the_example_are_those_of_the_code() -> None:
    defaults = {field.name.upper(): field.default for kind in kinds() for field in fields(kind)}
    for kind in (config.Web, config.Gateway, config.Process, config.Topics):
        for field in fields(kind):
            default = defaults[field.name.upper()]
            if isinstance(default, int):
                assert EXAMPLE[field.name.upper()] == str(default)


def test_every_process_of_the_procfile_is_a_service_with_the_same_command() -> None:
    assert set(SERVICES) == set(PROCESSES) | SERVERS | {"setup"}
    for name, command in PROCESSES.items():
        said = " ".join(SERVICES[name]["command"])
        assert said.endswith(command), name


def test_we_know_what_every_process_of_the_procfile_reads() -> None:
    assert set(KINDS) == set(PROCESSES)


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_service_gets_what_its_process_needs_and_nothing_else(name: str) -> None:
    kind = KINDS[name]
    given = set(SERVICES[name]["environment"])
    if "PROCESS_NAME=" in " ".join(SERVICES[name]["command"]):
        given |= {"PROCESS_NAME"}
    environment = dict.fromkeys(given, "1")
    assert config.read(kind, environment)
    assert given <= settings(kind), f"{name} gets what it does not read"


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_scaled_service_has_no_fixed_name_and_is_named_by_its_container(name: str) -> None:
    assert "container_name" not in SERVICES[name]
    if name != "web":
        assert f"PROCESS_NAME={name}.$$(hostname) exec" in " ".join(SERVICES[name]["command"])
    assert "ports" not in SERVICES["importer"]


def test_secrets_are_asked_for_and_never_written_down() -> None:
    secret = re.compile(r"\$\{(\w*(?:PASSWORD|KEYS)\w*)([^}]*)\}")
    found = secret.findall((ROOT / "compose.yaml").read_text())
    assert {name for name, _ in found} == OTHERS | {"CHANNEL_KEYS", "DATA_KEYS"}
    assert all(rest.startswith(":?") for _, rest in found)
    assert all(EXAMPLE[name] == "" for name, _ in found)


def test_every_variable_of_compose_is_in_the_example() -> None:
    assert set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text())) <= set(EXAMPLE)


def test_everything_that_stays_up_has_a_health_check() -> None:
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["setup"]


def test_processes_wait_for_topics_and_schemas() -> None:
    for name in PROCESSES:
        assert SERVICES[name]["depends_on"]["setup"] == {"condition": "service_completed_successfully"}
    command = " ".join(SERVICES["setup"]["command"])
    assert "app.sql" in command
    assert "app.topics" in command
    needed = {"DATABASE_URL", *(name for name in OTHERS if name.startswith("DATABASE_PASSWORD_"))}
    assert needed <= set(SERVICES["setup"]["environment"])


def test_setup_gets_what_topics_needs() -> None:
    environment = dict.fromkeys(SERVICES["setup"]["environment"], "1")
    assert config.read(config.Topics, environment).partitions == 1


def test_every_service_speaks_to_the_roles_database_with_its_own_role() -> None:
    for name in PROCESSES:
        for variable, value in SERVICES[name]["environment"].items():
            if variable.endswith("_DATABASE_URL"):
                role = variable.removesuffix("_DATABASE_URL").lower()
                role = "lookup_reader" if role == "lookup" else role
                assert f"//{role}:${{DATABASE_PASSWORD_{role.upper()}:?" in value


def test_the_image_runs_as_nobody_important_and_installs_by_hash() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "USER addressbus" in text
    assert "--require-hashes -r requirements.lock" in text
