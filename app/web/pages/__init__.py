"""Everything a person sees: complete HTML from templates, one file per page. The API lies beside it."""

from starlette.routing import BaseRoute, Mount, Route

from app.web.pages import (
    accounts,
    audit,
    connections,
    contacts,
    doors,
    history,
    home,
    one_import,
    operate,
    sample,
    settings,
    topology,
)
from app.web.templates import Static

problem = doors.problem
"""How an error is told to a person (`app.web.problems.Show`)."""

ROUTES: list[BaseRoute] = [
    Mount("/static", Static()),
    Route("/", home.show, methods=["GET"]),
    Route("/sample.csv", sample.show, methods=["GET"]),
    Route("/template.csv", sample.template, methods=["GET"]),
    Route("/imports", history.show, methods=["GET"]),
    Route("/imports/{id:uuid}", one_import.show, methods=["GET"]),
    Route("/contacts", contacts.show, methods=["GET"]),
    Route("/contacts/{id:uuid}", contacts.show_one, methods=["GET"]),
    Route("/connections", connections.show, methods=["GET"]),
    Route("/settings", settings.show, methods=["GET"]),
    Route("/members", accounts.members_page, methods=["GET"]),
    Route("/tokens", accounts.tokens_page, methods=["GET"]),
    Route("/sessions", accounts.sessions_page, methods=["GET"]),
    Route("/audit", audit.show, methods=["GET"]),
    Route("/operate", topology.show, methods=["GET"]),
    Route("/operate/scale", topology.scale, methods=["POST"]),
    Route("/api/v1/operate/scale", topology.scale_by_program, methods=["POST"]),
    Route("/operate/dead", operate.show, methods=["GET"]),
    Route("/operate/dead/letter", operate.show_one, methods=["GET"]),
    Route("/operate/dead/letter", operate.show_bytes, methods=["POST"]),
    Route("/operate/dead/replay", operate.replay, methods=["POST"]),
    Route("/operate/consumers", operate.order, methods=["POST"]),
    Route("/sign-in", doors.sign_in, methods=["GET"]),
    Route("/wanted", doors.go_on, methods=["GET"]),
]
