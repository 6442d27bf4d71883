"""The routes of both providers, of the admin side and of the canary host."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.providers import admin, google_oauth, google_people, microsoft_graph, microsoft_oauth
from tests.providers.clock import iso
from tests.providers.serving import route
from tests.providers.world import World

_BOTH = ("GET", "POST")
_FOLDER = "/v1.0/me/contactFolders/{folder}"

ROUTES = [
    *admin.ROUTES,
    route("/o/oauth2/v2/auth", "google", "authorize", google_oauth.authorize, _BOTH),
    route("/token", "google", "token", google_oauth.token, ("POST",)),
    route("/revoke", "google", "revoke", google_oauth.revoke, ("POST",)),
    route("/tokeninfo", "google", "tokeninfo", google_oauth.tokeninfo),
    route("/v1/userinfo", "google", "userinfo", google_oauth.userinfo),
    route("/oauth2/v3/certs", "google", "keys", google_oauth.certs),
    route("/.well-known/openid-configuration", "google", "metadata", google_oauth.metadata),
    route("/v1/people/{person}/connections", "google", "connections", google_people.connections),
    route("/v1/people/{person}", "google", "person", google_people.person),
    route("/v1/otherContacts", "google", "other_contacts", google_people.other_contacts),
    route("/v1/contactGroups", "google", "groups", google_people.groups),
    route("/v1.0/me", "microsoft", "me", microsoft_graph.me),
    route("/v1.0/me/contacts", "microsoft", "contacts", microsoft_graph.contacts),
    route("/v1.0/me/contacts/delta", "microsoft", "contacts_delta", microsoft_graph.contacts_delta),
    route("/v1.0/me/contactFolders", "microsoft", "folders", microsoft_graph.folders),
    route("/v1.0/me/contactFolders/delta", "microsoft", "folders_delta", microsoft_graph.folders_delta),
    route(_FOLDER, "microsoft", "folder", microsoft_graph.folder),
    route(f"{_FOLDER}/childFolders", "microsoft", "child_folders", microsoft_graph.child_folders),
    route(f"{_FOLDER}/contacts", "microsoft", "folder_contacts", microsoft_graph.folder_contacts),
    route(f"{_FOLDER}/contacts/delta", "microsoft", "folder_delta", microsoft_graph.folder_delta),
    route("/{tenant}/oauth2/v2.0/authorize", "microsoft", "authorize", microsoft_oauth.authorize, _BOTH),
    route("/{tenant}/oauth2/v2.0/token", "microsoft", "token", microsoft_oauth.token, ("POST",)),
    route("/{tenant}/discovery/v2.0/keys", "microsoft", "keys", microsoft_oauth.certs),
    route("/{tenant}/v2.0/.well-known/openid-configuration", "microsoft", "metadata", microsoft_oauth.metadata),
    route("/v1/{path:path}", "google", "unknown", google_people.unknown_path, _BOTH),
]


def build(world: World) -> Starlette:
    app = Starlette(routes=ROUTES)
    app.state.world = world
    return app


def canary(world: World) -> ASGIApp:
    """A host that is nobody's business: whoever calls it is written down."""

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        world.canary_calls.append(
            {
                "at": iso(world.clock.now(), fraction=3),
                "method": request.method,
                "url": str(request.url),
                "headers": dict(request.headers),
                "body": (await request.body()).decode(errors="replace"),
            }
        )
        await JSONResponse({"value": []})(scope, receive, send)

    return note
