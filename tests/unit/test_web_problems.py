"""Errors on their way out."""

import logging
import re
from collections.abc import AsyncIterator
from http import HTTPStatus

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app import trace
from app.core.errors import Rejected, TryAgain
from app.web import problems
from tests.asgi import Answer, ask


async def answer_to(error: Exception, path: str = "/api/v1/x", method: str = "GET") -> Answer:
    async def handler(request: Request) -> Response:
        raise error

    def show(request: Request, problem: problems.Problem) -> Response:
        return PlainTextResponse(f"page: {problem.detail}", status_code=problem.status)

    app = Starlette(
        routes=[Route("/api/v1/x", handler), Route("/page", handler)],
        middleware=[Middleware(problems.Door, show=show)],
        exception_handlers={HTTPException: problems.http_problem},
    )
    return await ask(app, method, path)


async def test_a_rejection_is_a_problem_document_with_its_code_and_its_extras() -> None:
    answer = await answer_to(Rejected("plan_invalid", "Column 3 is no field.", pointer="/columns/3"))
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(answer.body) == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "code": "plan_invalid",
        "detail": "Column 3 is no field.",
        "pointer": "/columns/3",
    }


async def test_too_often_says_when_to_come_back() -> None:
    answer = await answer_to(Rejected("too_many_requests", "Wait.", retry_after=7))
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


async def test_not_signed_in_names_the_way_to_sign_in() -> None:
    answer = await answer_to(Rejected("not_signed_in", "Sign in."))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="addressbus"')


async def test_what_is_away_is_a_503_that_says_nothing_of_the_inside() -> None:
    answer = await answer_to(TryAgain("PostgreSQL at 10.0.0.3 is away"))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "PostgreSQL" not in answer.text


async def test_our_own_fault_is_generic_with_an_id_that_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="app.web.problems"):
        answer = await answer_to(RuntimeError("secret detail"))
    assert answer.status == 500
    assert "secret" not in answer.text
    reference = msgspec.json.decode(answer.body)["id"]
    assert [vars(record)["reference"] for record in caplog.records] == [reference]


@pytest.mark.parametrize(("path", "method", "code"), [
    ("/api/v1/nothing", "GET", "not_found"),
    ("/api/v1/x", "DELETE", "method_not_allowed"),
])  # fmt: skip
async def test_what_is_not_there_is_a_problem_like_any_other(path: str, method: str, code: str) -> None:
    answer = await answer_to(RuntimeError("never reached"), path, method)
    assert msgspec.json.decode(answer.body)["code"] == code


@pytest.mark.parametrize("sent", ["", "nonsense", f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'b' * 16}-01\n"])
async def test_a_request_goes_on_in_its_senders_trace_if_that_is_one(sent: str) -> None:
    seen: list[str] = []

    async def handler(request: Request) -> Response:
        seen.append(trace.current())
        return Response()

    door = problems.Door(Starlette(routes=[Route("/", handler)]))
    for _ in range(2):
        await ask(door, "GET", "/", {"traceparent": sent})
    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", found) for found in seen)
    assert (seen[0] == sent) is (len(sent) == 55)
    assert (seen[0] == seen[1]) is (len(sent) == 55)


async def test_a_person_is_told_on_a_page() -> None:
    answer = await answer_to(Rejected("not_found", "There is no such import."), "/page")
    assert (answer.status, answer.text) == (404, "page: There is no such import.")


async def test_a_client_that_went_away_is_nobodys_fault() -> None:
    assert (await answer_to(ClientDisconnect())).status == 0


async def test_an_answer_that_breaks_off_is_not_passed_off_as_whole() -> None:
    async def half(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise TryAgain("gone")

        return StreamingResponse(pieces())

    app = problems.Door(Starlette(routes=[Route("/api/v1/half", half)]))
    with pytest.raises(TryAgain):
        await ask(app, "GET", "/api/v1/half")


def test_every_status_is_one_that_http_knows() -> None:
    assert all(HTTPStatus(status) >= 400 for status in problems.STATUS.values())
