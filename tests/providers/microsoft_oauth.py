"""Microsoft's identity platform v2.0: pages and token endpoint. Refresh tokens rotate."""

from base64 import urlsafe_b64encode
from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from tests.providers import MICROSOFT_CLIENT_ID, MICROSOFT_CLIENT_SECRET, accounts, pages, vault
from tests.providers.clock import iso
from tests.providers.google_oauth import client_of, known_redirect
from tests.providers.identities import id_token, keys
from tests.providers.world import Call, Json, Refused, answer

GRAPH = "https://graph.microsoft.com/"
SCOPES = {
    "contacts.read": "Read your contacts",
    "user.read": "Sign you in and read your profile",
    "offline_access": "Maintain access to data you have given it access to",
    "openid": "Sign you in",
    "profile": "View your basic profile",
    "email": "View your email address",
}


def short(scope: str) -> str:
    """`https://graph.microsoft.com/Contacts.Read` -> `contacts.read`."""
    return scope.lower().removeprefix(GRAPH)


def authorize(call: Call) -> Response:
    query = call.query
    if query.get("client_id") != MICROSOFT_CLIENT_ID:
        detail = f"AADSTS700016: Application with identifier '{query.get('client_id', '')}' was not found."
        return pages.problem("microsoft", "unauthorized_client", detail)
    redirect = query.get("redirect_uri", "")
    if not known_redirect(call, redirect):
        detail = f"AADSTS50011: The redirect URI '{redirect}' does not match the redirect URIs of the application."
        return pages.problem("microsoft", "invalid_request", detail)
    if query.get("response_type") != "code":
        return _back(call, redirect, _failed("unsupported_response_type", "AADSTS700051: only code is simulated."))
    asked = query.get("scope", "").split()
    wrong = [scope for scope in asked if short(scope) not in SCOPES]
    if wrong or not asked:
        text = f"AADSTS70011: The provided value for the input parameter 'scope' is not valid: {' '.join(wrong)}"
        return _back(call, redirect, _failed("invalid_scope", text))
    if call.request.method == "POST":
        return _decided(call, redirect, asked)
    if call.account is None:
        hint = query.get("login_hint", "")
        if "@" in hint:
            return pages.problem("microsoft", "not_found", f"We couldn't find an account with the name {hint}.", 404)
        return pages.chooser("microsoft", call.request.url.path, dict(query), accounts.listed("microsoft"))
    agreed = call.world.vault.consents.get(("microsoft", call.account.address), set())
    if {short(scope) for scope in asked} <= agreed and query.get("prompt") not in {"consent", "login"}:
        return _with_code(call, redirect, asked)
    if query.get("prompt") == "none":
        return _back(call, redirect, _failed("interaction_required", "AADSTS65001: consent is required."))
    scopes = {scope: (SCOPES[short(scope)], False) for scope in asked}
    action = f"{call.request.url.path}?{call.request.url.query}"
    return pages.consent("microsoft", action, call.account.address, "Addressbus", scopes)


def _failed(code: str, description: str) -> dict[str, str]:
    return {"error": code, "error_description": description}


def _decided(call: Call, redirect: str, asked: list[str]) -> Response:
    if call.account is None:
        return pages.problem("microsoft", "invalid_request", "No such account.")
    if call.form.get("decision") != "allow":
        text = "AADSTS65004: User declined to consent to access the app."
        return _back(call, redirect, _failed("access_denied", text))
    agreed = call.world.vault.consents.setdefault(("microsoft", call.account.address), set())
    agreed.update(short(scope) for scope in asked)
    return _with_code(call, redirect, asked)


def _with_code(call: Call, redirect: str, scopes: list[str]) -> Response:
    assert call.account is not None
    query, seed = call.query, call.world.seed
    code = call.world.vault.new_code(
        vault.Code(
            vault.Grant("microsoft", call.account.address, tuple(scopes)),
            redirect,
            query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"),
            query.get("nonce", ""),
            any(short(scope) == "offline_access" for scope in scopes),
            call.now,
        )
    )
    said = {"code": code, "session_state": seed.uuid("session", call.account.address)}
    if query.get("client_info"):
        said["client_info"] = _client_info(call)
    return _back(call, redirect, said)


def _back(call: Call, redirect: str, said: dict[str, str]) -> Response:
    if "state" in call.query:
        said = {**said, "state": call.query["state"]}
    if call.query.get("response_mode") == "form_post":
        return pages.posting(redirect, said)
    if "code" in said:
        said = {**said, "iss": _issuer(call)}
    glue = "&" if urlsplit(redirect).query else "?"
    return RedirectResponse(f"{redirect}{glue}{urlencode(said)}", 302)


def _issuer(call: Call) -> str:
    return f"{call.origin}/{accounts.CONSUMERS}/v2.0"


def _error(call: Call, code: str, number: int, text: str, status: int = 400, suberror: str = "") -> Refused:
    trace, correlation = (call.world.seed.uuid(what, call.entry.ordinal) for what in ("trace", "correlation"))
    moment = iso(call.now).replace("T", " ")
    about = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
    body: Json = {
        "error": code,
        "error_description": f"AADSTS{number}: {text} {about}",
        "error_codes": [number],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    if suberror:
        body["suberror"] = suberror
    return Refused(answer(body, status))


def token(call: Call) -> Response:
    form = call.form
    identity, secret = client_of(call)
    if identity != MICROSOFT_CLIENT_ID:
        text = f"Application with identifier '{identity}' was not found in the directory."
        raise _error(call, "unauthorized_client", 700016, text)
    if secret != MICROSOFT_CLIENT_SECRET:
        if not secret:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise _error(call, "invalid_client", 7000218, text, 401)
        raise _error(call, "invalid_client", 7000215, "Invalid client secret provided.", 401)
    kinds = {"authorization_code": _exchanged, "refresh_token": _refreshed}
    if form.get("grant_type") not in kinds:
        text = f"The app requested an unsupported grant type '{form.get('grant_type', '')}'."
        raise _error(call, "unsupported_grant_type", 70003, text)
    return kinds[form["grant_type"]](call)


def _missing(call: Call, name: str) -> Refused:
    text = f"The request body must contain the following parameter: '{name}'."
    return _error(call, "invalid_request", 900144, text)


def _exchanged(call: Call) -> Response:
    form = call.form
    for name in ("code", "redirect_uri"):
        if name not in form:
            raise _missing(call, name)
    code = call.world.vault.codes.get(form["code"])
    if code is None or code.grant.provider != "microsoft":
        raise _error(call, "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
    if code.used:
        text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code."
        raise _error(call, "invalid_grant", 54005, text)
    if code.grant.withdrawn or call.now - code.made > vault.CODE_LIFETIME:
        text = "The provided authorization code or refresh token has expired due to inactivity."
        raise _error(call, "invalid_grant", 70008, text)
    if form["redirect_uri"] != code.redirect:
        text = "The reply address does not match the reply address provided when requesting Authorization code."
        raise _error(call, "invalid_grant", 500112, text)
    if code.challenge and "code_verifier" not in form:
        raise _missing(call, "code_verifier")
    if code.challenge and not vault.answers(code.challenge, code.method, form["code_verifier"]):
        text = "The Code_Verifier does not match the code_challenge supplied in the authorization request."
        raise _error(call, "invalid_grant", 501481, text)
    code.used = True
    body = _tokens(call, code.grant, offline=code.offline)
    if any(short(scope) == "openid" for scope in code.grant.scopes):
        body["id_token"] = id_token(call.world.seed, _claims(call, code))
    if "client_info" in form:
        body["client_info"] = _client_info(call)
    return answer(body, headers={"Cache-Control": "no-store"})


def _refreshed(call: Call) -> Response:
    form, world = call.form, call.world
    if "refresh_token" not in form:
        raise _missing(call, "refresh_token")
    known = world.vault.refresh.get(form["refresh_token"])
    if known is not None and known.exchanged is not None:
        call.entry.reused = True
    held = world.vault.live_refresh(form["refresh_token"], call.now, world.settings.rotation_grace)
    if held is None or held.grant.provider != "microsoft":
        if known is not None and known.grant.withdrawn:
            text = "The user or administrator has not consented to use the application."
            raise _error(call, "invalid_grant", 65001, text, suberror="consent_required")
        text = "The provided grant has expired due to it being revoked, a fresh auth token is needed."
        raise _error(call, "invalid_grant", 50173, text)
    wider = [scope for scope in form.get("scope", "").split() if short(scope) not in map(short, held.grant.scopes)]
    if [scope for scope in wider if short(scope) not in {"openid", "profile", "offline_access"}]:
        text = f"The user has not consented to {' '.join(wider)}."
        raise _error(call, "invalid_grant", 65001, text, suberror="consent_required")
    held.used = call.now
    held.exchanged = call.now if held.exchanged is None else held.exchanged
    body = _tokens(call, held.grant, offline=True)
    if "client_info" in form:
        body["client_info"] = _client_info(call)
    return answer(body, headers={"Cache-Control": "no-store"})


def _tokens(call: Call, grant: vault.Grant, *, offline: bool) -> Json:
    lifetime = call.world.settings.access_lifetime
    body: Json = {
        "token_type": "Bearer",
        "scope": " ".join(scope for scope in grant.scopes if short(scope) != "offline_access"),
        "expires_in": int(lifetime),
        "ext_expires_in": int(lifetime),
        "access_token": call.world.vault.new_access(grant, call.now, lifetime).token,
    }
    if offline:
        body["refresh_token"] = call.world.vault.new_refresh(grant, call.now)
    return body


def _client_info(call: Call) -> str:
    assert call.account is not None
    text = f'{{"uid":"{call.account.subject}","utid":"{accounts.CONSUMERS}"}}'
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _claims(call: Call, code: vault.Code) -> Json:
    account = call.account
    assert account is not None
    scopes = {short(scope) for scope in code.grant.scopes}
    claims: Json = {
        "ver": "2.0",
        "iss": _issuer(call),
        "aud": MICROSOFT_CLIENT_ID,
        "sub": call.world.seed.base64("pairwise", account.address, size=32),
        "oid": account.subject,
        "tid": accounts.CONSUMERS,
        "iat": int(call.now),
        "nbf": int(call.now),
        "exp": int(call.now) + 3_600,
    }
    if code.nonce:
        claims["nonce"] = code.nonce
    if "profile" in scopes:
        claims |= {"name": account.name, "preferred_username": account.address}
    if "email" in scopes:
        claims["email"] = account.address
    return claims


def certs(call: Call) -> Response:
    return answer(keys(call.world.seed))


def metadata(call: Call) -> Response:
    base = f"{call.origin}/{call.request.path_params['tenant']}"
    return answer(
        {
            "issuer": _issuer(call),
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "form_post"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "tenant_region_scope": None,
            "cloud_instance_name": "microsoftonline.com",
        }
    )
