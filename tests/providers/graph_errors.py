"""Microsoft Graph's error bodies."""

from tests.providers.clock import iso
from tests.providers.world import Call, Json, Refused, answer


def error(call: Call, status: int, code: str, message: str, headers: Json | None = None, inner: str = "") -> Refused:
    request_id = call.world.seed.uuid("request", call.entry.ordinal)
    about: Json = {
        "date": iso(call.now)[:-1],
        "request-id": request_id,
        "client-request-id": call.request.headers.get("client-request-id", request_id),
    }
    if inner:
        about["code"] = inner
    body = {"error": {"code": code, "message": message, "innerError": about}}
    return Refused(answer(body, status, {"request-id": request_id, **(headers or {})}))


def unauthenticated(call: Call, message: str) -> Refused:
    header = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    return error(call, 401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": header})


def denied(call: Call) -> Refused:
    return error(call, 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def missing(call: Call) -> Refused:
    return error(call, 404, "ErrorItemNotFound", "The specified object was not found in the store.")


def bad_query(call: Call, message: str) -> Refused:
    return error(call, 400, "RequestBroker--ParseUri", message)


def sync_lost(call: Call, code: str = "SyncStateNotFound") -> Refused:
    message = "The sync state generation is not found; generation=149;[highest=157][157][155][156]."
    return error(call, 410, code, message)


def throttled(call: Call, code: str = "TooManyRequests", headers: Json | None = None) -> Refused:
    messages = {
        "ApplicationThrottled": "Application is over its MailboxConcurrency limit.",
        "activityLimitReached": "The request has been throttled.",
    }
    message = messages.get(code, "Too many requests.")
    return error(call, 429, code, message, headers, inner=code if code == "TooManyRequests" else "")
