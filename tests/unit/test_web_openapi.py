"""The description of the API and the routes say the same."""

import re
from collections.abc import Iterator

from starlette.routing import BaseRoute, Route

from app.web import main, openapi

_METHODS = {"get", "put", "post", "patch", "delete", "head", "options"}


def served(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """(path, method) of every API route; HEAD counts where it is not merely GET without a body."""
    for route in routes:
        if isinstance(route, Route) and route.path.startswith("/api/v1"):
            path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
            methods = {method.lower() for method in route.methods or ()}
            yield from ((path, method) for method in methods - ({"head"} if "get" in methods else set()))


def described() -> dict[tuple[str, str], dict[str, object]]:
    document = main.description("http://localhost:8000")
    return {
        (path, method): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in _METHODS
    }


def test_every_route_is_described() -> None:
    assert set(served(main.all_routes())) - set(described()) == set()


def test_everything_described_is_served() -> None:
    assert set(described()) - set(served(main.all_routes())) == set()


def test_every_operation_says_what_it_does_and_what_it_answers() -> None:
    for place, operation in described().items():
        assert operation.get("summary"), place
        assert operation.get("responses"), place


def test_every_parameter_in_a_path_is_described() -> None:
    document = main.description("http://localhost:8000")
    for path, operations in document["paths"].items():
        for method in _METHODS & set(operations):
            known = [*operations.get("parameters", []), *operations[method].get("parameters", [])]
            names = {parameter["name"] for parameter in known if parameter["in"] == "path"}
            assert names == set(re.findall(r"\{(\w+)\}", path)), (path, method)


def test_every_reference_leads_somewhere() -> None:
    document = main.description("http://localhost:8000")

    def references(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for child in node.values():
                yield from references(child)
        elif isinstance(node, list | tuple):
            for child in node:
                yield from references(child)

    for reference in references(document):
        found: object = document
        for step in reference.removeprefix("#/").split("/"):
            assert isinstance(found, dict), reference
            assert step in found, reference
            found = found[step]


def test_a_public_operation_says_that_it_needs_no_credential() -> None:
    public = {place for place, operation in described().items() if operation.get("security") == []}
    assert public == {
        ("/api/v1/openapi.json", "get"),
        ("/api/v1/sign-in", "post"),
        ("/api/v1/sign-in/offer", "post"),
        ("/api/v1/sign-in/link", "post"),
    }
    assert openapi.document("http://x")["security"] == [{"token": []}, {"session": []}]
