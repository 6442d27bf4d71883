"""deploy/kubernetes: valid by Kubernetes' own schemas, true to the Procfile, to .env.example and to the code."""

import inspect
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app import config, health, sql
from app.core.groups import GROUPS
from app.core.rights import SERVICES
from app.gateway import door
from app.gateway.limits import Limits
from app.stack.processes import KINDS, procfile
from app.watchdog import Watchdog
from app.web.__main__ import GRACE_SECONDS
from tests.unit.test_compose import EXAMPLE, settings
from workers.fetcher.main import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
MANIFESTS: list[dict[str, Any]] = [
    manifest for path in FILES if path.name != "kustomization.yaml" for manifest in yaml.safe_load_all(path.read_text())
]
PROCESSES = procfile((ROOT / "Procfile").read_text())
OLDEST_KUBERNETES, NEWEST_KUBERNETES = "1.30", kubernetes_validate.latest_version()
"""The oldest is the first that knows `preStop: sleep` without being asked."""


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {manifest["metadata"]["name"]: manifest for manifest in MANIFESTS if manifest["kind"] == kind}


DEPLOYMENTS = of_kind("Deployment")
SETTINGS: dict[str, str] = of_kind("ConfigMap")["addressbus"]["data"]


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    assert isinstance(found, dict)
    return found


def setup() -> dict[str, Any]:
    (found,) = of_kind("Job")["setup"]["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def environment(made: dict[str, Any]) -> dict[str, str]:
    """What a container gets: the common settings, and its own; a reference counts as a value."""
    assert made["envFrom"] == [{"configMapRef": {"name": "addressbus"}}]
    return {**SETTINGS, **{entry["name"]: entry.get("value", "1") for entry in made["env"]}}


def secrets(made: dict[str, Any]) -> dict[str, str]:
    """Variable -> the Secret that it comes from."""
    found = {}
    for entry in made["env"]:
        if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
            assert reference["key"] == entry["name"]
            found[entry["name"]] = reference["name"]
    return found


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
@pytest.mark.parametrize("kind", sorted({manifest["kind"] for manifest in MANIFESTS} - {"ScaledObject"}))
def test_manifests_are_valid_and_say_nothing_that_kubernetes_does_not_know(kind: str, version: str) -> None:
    found = list(of_kind(kind).values())
    whole = {"apiVersion": found[0]["apiVersion"], "kind": f"{kind}List", "items": found}
    kubernetes_validate.validate(whole, version, strict=True)


def test_the_schemas_refuse_what_is_misspelt() -> None:
    made = DEPLOYMENTS["web"]
    wrong = {
        "apiVersion": made["apiVersion"],
        "kind": "DeploymentList",
        "items": [{**made, "spec": {**made["spec"], "replica": 2}}],
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST_KUBERNETES, strict=True)


def test_every_file_is_part_of_the_whole() -> None:
    whole = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert sorted(whole["resources"]) == [path.name for path in FILES if path.name != "kustomization.yaml"]
    image = {made["image"] for made in [*map(container, DEPLOYMENTS), setup()]}
    assert image == {entry["name"] for entry in whole["images"]}


def test_every_process_of_the_procfile_has_a_deployment_with_its_command() -> None:
    assert set(DEPLOYMENTS) == set(PROCESSES)
    for name, command in PROCESSES.items():
        assert " ".join(container(name)["command"]) == command


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_pod_gets_all_that_its_process_needs(name: str) -> None:
    found = config.read(KINDS[name], environment(container(name)))
    assert found.kafka_username == name
    assert found.kafka_security == "SASL_SSL"


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_pod_is_told_nothing_that_its_process_does_not_read(name: str) -> None:
    assert {entry["name"] for entry in container(name)["env"]} <= settings(KINDS[name])


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_each_process_has_a_secret_of_its_own(name: str) -> None:
    assert set(secrets(container(name)).values()) == {f"addressbus-{name}"}


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_pod_is_its_own_member_of_its_group(name: str) -> None:
    (given,) = (entry for entry in container(name)["env"] if entry["name"] == "PROCESS_NAME")
    assert given["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_every_setting_and_every_secret_is_in_the_example() -> None:
    asked = {name for made in [*map(container, DEPLOYMENTS), setup()] for name in environment(made)}
    assert asked <= set(EXAMPLE)


def test_no_secret_stands_among_the_settings() -> None:
    known = {name for made in [*map(container, DEPLOYMENTS), setup()] for name in secrets(made)}
    assert not known & set(SETTINGS)
    assert all(EXAMPLE[name] == "" for name in known)
    assert not re.search(r"://[^/\s]+:[^/\s]+@", "".join(path.read_text() for path in FILES))


def test_setup_gets_what_topics_roles_and_rights_need() -> None:
    given = environment(setup())
    assert config.read(config.Topics, given).replication == 3
    assert {f"DATABASE_PASSWORD_{role.upper()}" for role in sql.ROLES} | {"DATABASE_URL"} <= set(given)
    assert {f"KAFKA_PASSWORD_{service.upper()}" for service in SERVICES} <= set(given)
    assert "app.sql && python -m app.topics && exec python -m app.rights" in setup()["command"][-1]


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_probes_ask_routes_that_exist_on_a_port_that_is_served(name: str) -> None:
    routes = {route.path for route in health.application(lambda: None).routes}  # type: ignore[attr-defined]
    made = container(name)
    probes = [made[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert [probe["path"] for probe in probes] == ["/healthz", "/readyz", "/healthz"]
    assert {probe["path"] for probe in probes} <= routes
    ports = {port["name"]: port["containerPort"] for port in made["ports"]}
    assert {ports[probe["port"]] for probe in probes} == {int(SETTINGS["HEALTH_PORT"])}
    assert SETTINGS["HEALTH_HOST"] == "0.0.0.0"
    marks = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["annotations"]
    assert (marks["prometheus.io/port"], marks["prometheus.io/path"]) == (SETTINGS["HEALTH_PORT"], "/metrics")
    assert "/metrics" in routes


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_the_watchdog_inside_comes_before_the_probe_outside(name: str) -> None:
    patience = inspect.signature(Watchdog).parameters["patience"].default
    probe = container(name)["livenessProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] > max(patience, PATIENCE if name == "fetcher" else 0)


def test_a_process_has_the_time_it_needs_to_end() -> None:
    def given(name: str) -> int:
        paused = container(name).get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})
        return int(pod(name)["terminationGracePeriodSeconds"]) - int(paused["preStop"]["sleep"]["seconds"])

    # A closing handshake, the tasks and the listener: what comes after the sockets were sent elsewhere.
    assert given("gateway") >= int(SETTINGS["DRAIN_SECONDS"]) + Limits().closing + 2 + 2
    assert given("web") >= GRACE_SECONDS + 15
    assert all(given(name) >= 30 for name in PROCESSES if name not in ("web", "gateway"))


def test_whoever_is_asked_by_others_hears_of_its_end_later_than_they_do() -> None:
    for name in of_kind("Service"):
        assert container(name)["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5


def test_each_deployment_may_lose_one_pod_at_a_time_and_never_none() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert set(budgets) == set(DEPLOYMENTS)
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"] == DEPLOYMENTS[name]["spec"]["selector"]


def test_labels_find_their_own_pods_and_no_others() -> None:
    chosen = [made["spec"]["selector"]["matchLabels"] for made in DEPLOYMENTS.values()]
    assert len({tuple(sorted(labels.items())) for labels in chosen}) == len(DEPLOYMENTS)
    for name, made in DEPLOYMENTS.items():
        assert made["spec"]["template"]["metadata"]["labels"] == made["spec"]["selector"]["matchLabels"]
        assert made["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] == name


def test_scaling_follows_the_age_of_the_oldest_record_and_ends_at_the_partitions() -> None:
    scaled = of_kind("ScaledObject")
    assert set(scaled) == {"importer", "projector", "fetcher"}
    for name, made in scaled.items():
        spec = made["spec"]
        assert set(spec) == {
            *("scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "fallback", "advanced"),
            "triggers",
        }
        assert spec["scaleTargetRef"] == {"name": name}
        assert "replicas" not in DEPLOYMENTS[name]["spec"], "two would set the number"
        assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= int(SETTINGS["PARTITIONS"])
        (trigger,) = spec["triggers"]
        assert (trigger["type"], trigger["metricType"]) == ("prometheus", "AverageValue")
        assert trigger["metadata"]["query"] == f'max(addressbus_lag_oldest_seconds{{group="{name}"}})'
        assert name in GROUPS
        assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes strings only"


def test_everyone_who_is_not_scaled_has_one_to_lose() -> None:
    for name in set(DEPLOYMENTS) - set(of_kind("ScaledObject")):
        assert DEPLOYMENTS[name]["spec"]["replicas"] >= 2


def test_services_lead_to_the_ports_that_the_processes_open() -> None:
    for name, service in of_kind("Service").items():
        (port,) = service["spec"]["ports"]
        ports = {entry["name"]: entry["containerPort"] for entry in container(name)["ports"]}
        assert ports[port["targetPort"]] == port["port"] == int(EXAMPLE[f"{name.upper()}_PORT"])
        assert service["spec"]["selector"] == DEPLOYMENTS[name]["spec"]["selector"]["matchLabels"]


def test_addresses_of_services_do_not_become_settings_of_ours() -> None:
    specs = [pod(name) for name in PROCESSES]
    assert all(spec["enableServiceLinks"] is False for spec in specs)


def test_sockets_go_to_the_gateway_and_all_else_to_the_pages() -> None:
    (rule,) = of_kind("Ingress")["addressbus"]["spec"]["rules"]
    ways = {way["path"]: way["backend"]["service"]["name"] for way in rule["http"]["paths"]}
    assert ways == {door.PATH: "gateway", "/": "web"}
    assert SETTINGS["PUBLIC_URL"] == SETTINGS["GATEWAY_PUBLIC_URL"] == f"https://{rule['host']}"


def test_pods_have_no_rights_and_write_where_they_may() -> None:
    for name in PROCESSES:
        assert pod(name)["securityContext"]["runAsNonRoot"] is True
        assert pod(name)["automountServiceAccountToken"] is False
        assert container(name)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    where = {mount["mountPath"] for mount in container("web")["volumeMounts"]}
    assert config.read(config.Web, environment(container("web"))).data_dir in where
    for made in map(container, PROCESSES):
        assert str(Path(SETTINGS["KAFKA_CA_FILE"]).parent) in {mount["mountPath"] for mount in made["volumeMounts"]}
