"""Google's OAuth pages and token endpoint."""

from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from tests.providers import GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, accounts, pages, vault
from tests.providers.basic import credentials
from tests.providers.identities import id_token, keys
from tests.providers.world import Call, Json, Refused, answer

CONTACTS = "https://www.googleapis.com/auth/contacts.readonly"
OTHERS = "https://www.googleapis.com/auth/contacts.other.readonly"
SCOPES = {
    CONTACTS: ("See and download your contacts", True),
    OTHERS: ('See and download contact info automatically saved in your "Other contacts"', True),
    "openid": ("Associate you with your personal info on Google", False),
    "email": ("See your primary Google Account email address", False),
    "profile": ("See your personal info", False),
}
_LONG = {
    "https://www.googleapis.com/auth/userinfo.email": "email",
    "https://www.googleapis.com/auth/userinfo.profile": "profile",
}


def authorize(call: Call) -> Response:
    """Chooser, consent, redirect; or a page that only the person sees."""
    query, world = call.query, call.world
    redirect, asked = _checked(call)
    if call.request.method == "POST":
        return _decided(call, redirect, asked)
    if call.account is None:
        hint = query.get("login_hint", "")
        if hint and "@" in hint:
            return pages.problem("google", "not_found", f"Couldn't find your Google Account {hint}.", 404)
        return pages.chooser("google", call.request.url.path, dict(query), accounts.listed("google"))
    agreed = world.vault.consents.get(("google", call.account.address), set())
    prompt = query.get("prompt", "").split()
    if set(asked) <= agreed and "consent" not in prompt:
        return _with_code(call, redirect, tuple(asked), offline=False)
    if "none" in prompt:
        return _back(call, redirect, {"error": "interaction_required"})
    scopes = {scope: SCOPES[scope] for scope in asked}
    action = f"{call.request.url.path}?{call.request.url.query}"
    return pages.consent("google", action, call.account.address, "Addressbus", scopes)


def _checked(call: Call) -> tuple[str, list[str]]:
    """Redirect address and scopes. Raises Refused with a page: before these are right, nobody is redirected."""
    query = call.query
    if query.get("client_id") != GOOGLE_CLIENT_ID:
        raise Refused(pages.problem("google", "invalid_client", "The OAuth client was not found.", 401))
    redirect = query.get("redirect_uri", "")
    if not known_redirect(call, redirect):
        detail = f"You can't sign in because this app sent an invalid request: redirect_uri={redirect}"
        raise Refused(pages.problem("google", "redirect_uri_mismatch", detail))
    if query.get("response_type") != "code":
        raise Refused(pages.problem("google", "invalid_request", "Invalid response_type: only code is simulated."))
    asked = [_LONG.get(scope, scope) for scope in query.get("scope", "").split()]
    wrong = [scope for scope in asked if scope not in SCOPES]
    if wrong or not asked:
        detail = f"Some requested scopes were invalid. {{invalid=[{', '.join(wrong)}]}}" if wrong else "Missing scope"
        raise Refused(pages.problem("google", "invalid_scope" if wrong else "invalid_request", detail))
    if query.get("code_challenge_method", "S256") not in {"S256", "plain"}:
        raise Refused(pages.problem("google", "invalid_request", "Invalid code_challenge_method"))
    return redirect, asked


def known_redirect(call: Call, redirect: str) -> bool:
    """Whether a client may name this address: this machine's, or one of the settings."""
    parts = urlsplit(redirect)
    here = parts.scheme in {"http", "https"} and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return here or redirect in call.world.settings.extra_redirects.split()


def _decided(call: Call, redirect: str, asked: list[str]) -> Response:
    if call.account is None:
        return pages.problem("google", "invalid_request", "No such account.")
    if call.form.get("decision") != "allow":
        return _back(call, redirect, {"error": "access_denied"})
    ticked = set(call.form.getlist("scope"))
    granted = tuple(scope for scope in asked if scope in ticked)
    if not granted:
        return _back(call, redirect, {"error": "access_denied"})
    agreed = call.world.vault.consents.setdefault(("google", call.account.address), set())
    if call.query.get("include_granted_scopes") == "true":
        granted = (*granted, *sorted(agreed - set(granted)))
    agreed.update(granted)
    return _with_code(call, redirect, granted, offline=call.query.get("access_type") == "offline")


def _with_code(call: Call, redirect: str, scopes: tuple[str, ...], *, offline: bool) -> Response:
    assert call.account is not None
    query = call.query
    code = call.world.vault.new_code(
        vault.Code(
            vault.Grant("google", call.account.address, scopes),
            redirect,
            query.get("code_challenge", ""),
            query.get("code_challenge_method", "plain"),
            query.get("nonce", ""),
            offline,
            call.now,
        )
    )
    return _back(call, redirect, {"code": code, "scope": " ".join(map(_spelled, scopes)), "authuser": "0"})


def _back(call: Call, redirect: str, said: dict[str, str]) -> Response:
    if "state" in call.query:
        said = {"state": call.query["state"], **said}
    glue = "&" if urlsplit(redirect).query else "?"
    return RedirectResponse(f"{redirect}{glue}{urlencode({**said, 'iss': call.origin})}", 302)


def _spelled(scope: str) -> str:
    return {short: long for long, short in _LONG.items()}.get(scope, scope)


def token(call: Call) -> Response:
    """Codes and refresh tokens against access tokens."""
    form = call.form
    _known_client(call)
    if form.get("grant_type") == "authorization_code":
        return _exchanged(call)
    if form.get("grant_type") == "refresh_token":
        return _refreshed(call)
    raise _error("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")


def _error(code: str, description: str, status: int = 400) -> Refused:
    return Refused(answer({"error": code, "error_description": description}, status))


def _known_client(call: Call) -> None:
    identity, secret = client_of(call)
    if identity != GOOGLE_CLIENT_ID:
        raise _error("invalid_client", "The OAuth client was not found.", 401)
    if secret != GOOGLE_CLIENT_SECRET:
        raise _error("invalid_client", "The provided client secret is invalid." if secret else "Unauthorized", 401)


def client_of(call: Call) -> tuple[str, str]:
    """Id and secret, from the form or by HTTP Basic."""
    return credentials(call.request.headers.get("authorization", "")) or (
        call.form.get("client_id", ""),
        call.form.get("client_secret", ""),
    )


def _exchanged(call: Call) -> Response:
    form, world = call.form, call.world
    if "code" not in form:
        raise _error("invalid_request", "Missing required parameter: code")
    code = world.vault.codes.get(form["code"])
    if code is None or code.grant.provider != "google":
        raise _error("invalid_grant", "Malformed auth code.")
    if code.used or code.grant.withdrawn or call.now - code.made > vault.CODE_LIFETIME:
        raise _error("invalid_grant", "Bad Request")
    if form.get("redirect_uri") != code.redirect:
        raise _error("redirect_uri_mismatch", "Bad Request")
    if code.challenge and "code_verifier" not in form:
        raise _error("invalid_grant", "Missing code verifier.")
    if code.challenge and not vault.answers(code.challenge, code.method, form["code_verifier"]):
        raise _error("invalid_grant", "Invalid code verifier.")
    code.used = True
    body = _access(call, code.grant)
    if code.offline:
        body["refresh_token"] = world.vault.new_refresh(code.grant, call.now)
    if "openid" in code.grant.scopes:
        body["id_token"] = id_token(world.seed, _claims(call, code))
    return answer(body, headers={"Cache-Control": "no-store"})


def _refreshed(call: Call) -> Response:
    world = call.world
    if "refresh_token" not in call.form:
        raise _error("invalid_request", "Missing required parameter: refresh_token")
    held = world.vault.live_refresh(call.form["refresh_token"], call.now, 0)
    if held is None or held.grant.provider != "google":
        raise _error("invalid_grant", "Token has been expired or revoked.")
    held.used = call.now
    return answer(_access(call, held.grant), headers={"Cache-Control": "no-store"})


def _access(call: Call, grant: vault.Grant) -> Json:
    lifetime = call.world.settings.access_lifetime
    access = call.world.vault.new_access(grant, call.now, lifetime)
    return {
        "access_token": access.token,
        "expires_in": int(lifetime),
        "scope": " ".join(map(_spelled, grant.scopes)),
        "token_type": "Bearer",
    }


def _claims(call: Call, code: vault.Code) -> Json:
    account = call.account
    assert account is not None
    claims: Json = {
        "iss": call.origin,
        "azp": GOOGLE_CLIENT_ID,
        "aud": GOOGLE_CLIENT_ID,
        "sub": account.subject,
        "iat": int(call.now),
        "exp": int(call.now) + 3_600,
    }
    if code.nonce:
        claims["nonce"] = code.nonce
    return claims | _identity(call, code.grant.scopes)


def _identity(call: Call, scopes: tuple[str, ...]) -> Json:
    account = call.account
    assert account is not None
    found: Json = {}
    if "email" in scopes:
        found |= {"email": account.address, "email_verified": True}
    if "profile" in scopes:
        found |= {"name": account.name, "picture": "https://photos.example/me.jpg"}
    return found


def userinfo(call: Call) -> Response:
    access = call.access
    if access is None or access.grant.withdrawn or access.ends <= call.now or "openid" not in access.scopes:
        body = {"error": "invalid_request", "error_description": "Invalid Credentials"}
        return answer(
            body, 401, {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}
        )
    assert call.account is not None
    return answer({"sub": call.account.subject} | _identity(call, access.scopes))


def tokeninfo(call: Call) -> Response:
    access = call.world.vault.access.get(call.query.get("access_token", ""))
    if access is None or access.grant.withdrawn or access.ends <= call.now:
        return answer({"error": "invalid_token", "error_description": "Invalid Value"}, 400)
    body = {"aud": GOOGLE_CLIENT_ID, "scope": " ".join(access.scopes), "expires_in": str(int(access.ends - call.now))}
    return answer(body)


def revoke(call: Call) -> Response:
    """Of either kind of token; the consent and all that came from it goes with it."""
    secret = call.form.get("token", call.query.get("token", ""))
    holder = call.world.vault.refresh.get(secret) or call.world.vault.access.get(secret)
    if holder is None or holder.grant.withdrawn or holder.grant.provider != "google":
        return answer({"error": "invalid_token", "error_description": "Token expired or revoked"}, 400)
    call.world.vault.withdraw("google", holder.grant.address)
    return answer({})


def certs(call: Call) -> Response:
    return answer(keys(call.world.seed))


def metadata(call: Call) -> Response:
    origin = call.origin
    return answer(
        {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/o/oauth2/v2/auth",
            "token_endpoint": f"{origin}/token",
            "revocation_endpoint": f"{origin}/revoke",
            "userinfo_endpoint": f"{origin}/v1/userinfo",
            "jwks_uri": f"{origin}/oauth2/v3/certs",
            "code_challenge_methods_supported": ["plain", "S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
        }
    )
