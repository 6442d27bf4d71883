"""Google's error bodies."""

from tests.providers.world import Call, Json, Refused, answer

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    410: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_LIMIT = "Critical read requests (Contact and Profile Reads)"
NO_CREDENTIALS = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
BAD_CREDENTIALS = NO_CREDENTIALS.replace(
    "is missing required authentication credential", "had invalid authentication credentials"
)


def error(
    code: int, message: str, details: list[Json] | None = None, *, status: str = "", headers: Json | None = None
) -> Refused:
    body: Json = {"code": code, "message": message, "status": status or _STATUS[code]}
    if details:
        body["details"] = details
    return Refused(answer({"error": body}, code, headers))


def info(reason: str, **metadata: str) -> Json:
    return {
        "@type": ERROR_INFO,
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "people.googleapis.com", **metadata},
    }


def invalid(message: str, field: str = "") -> Refused:
    violation = {"field": field, "description": message} if field else {"description": message}
    return error(400, message, [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}])


def unauthenticated(*, given: bool) -> Refused:
    header = 'Bearer realm="https://accounts.google.com/"' + (', error="invalid_token"' if given else "")
    return error(401, BAD_CREDENTIALS if given else NO_CREDENTIALS, headers={"WWW-Authenticate": header})


def scope_missing(call: Call) -> Refused:
    header = 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'
    details = [info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", method=f"google.people.v1.{call.endpoint}")]
    message = "Request had insufficient authentication scopes."
    return error(403, message, details, headers={"WWW-Authenticate": header})


def service_disabled() -> Refused:
    message = "People API has not been used in project 715 before or it is disabled."
    return error(403, message, [info("SERVICE_DISABLED", consumer="projects/715")])


def rate_limited(reason: str = "RATE_LIMIT_EXCEEDED") -> Refused:
    """403, as some quotas are told; the older spelling comes with the older envelope."""
    message = f"Quota exceeded for quota metric '{_LIMIT}' and limit '{_LIMIT} per minute per user'."
    if reason.isupper():
        return error(403, message, [info(reason, quota_limit="CriticalReadsPerMinutePerUser")])
    older = [{"domain": "usageLimits", "reason": reason, "message": message}]
    return Refused(answer({"error": {"code": 403, "message": message, "errors": older}}, 403))


def throttled(headers: Json | None = None) -> Refused:
    message = f"Quota exceeded for quota metric '{_LIMIT}' and limit '{_LIMIT} per minute per user'."
    failure = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"subject": "project:715", "description": "FBS quota limit exceeded."}],
    }
    return error(429, message, [failure, info("RATE_LIMIT_EXCEEDED")], headers=headers)


def sync_expired(status: str) -> Refused:
    """400, whatever older pages say about 410; `status` was seen in two spellings."""
    message = "Sync token is expired. Clear local cache and retry call without the sync token."
    return error(400, message, [{**info("EXPIRED_SYNC_TOKEN"), "domain": "people.googleapis.com"}], status=status)
