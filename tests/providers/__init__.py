"""Google and Microsoft, simulated: OAuth pages, tokens, contacts, faults, and an oracle that knows what is right.

    python -m tests.providers --port 8090 [--canary-port 8091] [--seed 7]

One origin serves both providers on their real paths, so a product differs from production in the bases only.
With ORIGIN = `http://127.0.0.1:8090` (or localhost; links are built from the Host a request names):

    what                            real                                            here
    Google authorise                https://accounts.google.com/o/oauth2/v2/auth    ORIGIN/o/oauth2/v2/auth
    Google token, revoke            https://oauth2.googleapis.com/token, /revoke    ORIGIN/token, ORIGIN/revoke
    Google tokeninfo                https://oauth2.googleapis.com/tokeninfo         ORIGIN/tokeninfo
    Google userinfo (needs openid)  https://openidconnect.googleapis.com/v1/userinfo    ORIGIN/v1/userinfo
    Google keys of id_tokens        https://www.googleapis.com/oauth2/v3/certs      ORIGIN/oauth2/v3/certs
    People                          https://people.googleapis.com/v1/...            ORIGIN/v1/people/me/connections,
                                                        /v1/contactGroups, /v1/otherContacts, /v1/people/{id}
    Microsoft authorise, token      https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize, .../token
                                                                      ORIGIN/{tenant}/oauth2/v2.0/authorize, .../token
    Microsoft metadata              .../{tenant}/v2.0/.well-known/openid-configuration         ORIGIN/{tenant}/v2.0/...
    Graph                           https://graph.microsoft.com/v1.0/...            ORIGIN/v1.0/me (needs User.Read),
        /v1.0/me/contacts, /v1.0/me/contacts/delta, /v1.0/me/contactFolders, /v1.0/me/contactFolders/delta,
        /v1.0/me/contactFolders/{id}, .../{id}/childFolders, .../{id}/contacts, .../{id}/contacts/delta
    The issuer (`iss` of an answer and of an id_token) is ORIGIN for Google, ORIGIN/{tenant id}/v2.0 for Microsoft.

**Clients**: the constants below. A redirect address is accepted on localhost, 127.0.0.1 and [::1], any port and path;
it must be the same to the letter at the token endpoint. PKCE is optional, as in reality, and checked once it was
begun. Scopes: Google `https://www.googleapis.com/auth/contacts.readonly`, `.../contacts.other.readonly`, openid,
email, profile; Microsoft `https://graph.microsoft.com/Contacts.Read` (or `Contacts.Read`), User.Read, offline_access,
openid, email, profile.

**Accounts** (`accounts.py`): {empty, three, ada, odd, many-001 .. many-400}@google.example with 0, 3, 3,000, hostile
ones, 30 each; {empty, three, grace, odd, many-001 .. many-400}@outlook.example with 0, 3, 25,000, hostile ones, 30
each. ada, grace and `GET /admin/people.csv` share people. `login_hint=ADDRESS` passes the chooser.

**Signing in**: GET authorise answers an HTML page. Without `login_hint` it is the chooser (links, text = the
address); then comes consent: a form with method POST to the same URL, hidden field `account`, checkboxes `scope`
(Google's scopes of contacts, ticked; all others are hidden fields) and the buttons `decision=allow` ("Allow") and
`decision=deny` ("Cancel"). Posting it answers 302 to `redirect_uri?code=...&state=...&iss=...` (Google adds `scope`,
Microsoft `session_state`) or to `redirect_uri?error=access_denied&state=...`. Microsoft's `response_mode=form_post`
answers a page that posts itself. A Google account that has consented before is redirected at once unless
`prompt=consent`, and then there is no refresh token.

**Secrets are told by their beginning**, so that logs and topics can be searched for `SECRETS`: sim-access-,
sim-refresh-, sim-code-, sim-secret- and, of cursors, sim-page-, sim-sync-, sim-skip-, sim-delta-. No contact has such
a text.

**Admin** (JSON; same port, no key; never counted in the ledger)
    GET  /admin/health                      {"ok": true}
    POST /admin/reset {"seed"?, settings}   all as it was at the start, but the clock runs
    POST /admin/settings {...}              `latency` seconds of every answer, `page_cap` items at most a page,
                                            `partial_updates`, lifetimes, limits ...: see `settings.py`
    POST /admin/clock {"advance": seconds} | {"freeze": "2026-03-01T00:00:00Z"} | {"run": true} -> {"now"}
    POST /admin/faults {"faults": [...]}    adds; DELETE forgets; GET lists with what is left. See `faults.py`
    GET  /admin/ledger?account=&endpoint=   {"requests": [{ordinal, at, provider, endpoint, account, method, path,
                                            query, token (prefix, 6 characters), status, fault, early, ...}]}
    POST /admin/mutate {"account", "add"?: n, "edit"?: n, "delete"?: n, "move"?: n, "relabel"?: n, "rename_label"?: n,
                        "merge"?: n, "promote"?: n, "drop_value"?: n}   -> {kind: [ids]}; changes at the source
    POST /admin/revoke {"account"}          consent withdrawn: its tokens die
    GET  /admin/expected?account=A[&account=B][&csv=FROM-TO][&others=true]  the oracle, see `oracle.py`, `compare.py`
    GET  /admin/people.csv?from=1500&to=2500   people of both address books as a file
    GET  /admin/canary, DELETE              requests that reached the canary host (the second port): must stay []

**In a test**: `running.running()` starts it as a process of its own and signs in as a person would;
`plans.plan(number, account)` is a seeded fault plan that a product survives. In one process with a test:
`app.build(world.World(seed, canary))`.

**Clients that agree**: google-api-python-client, msal, Authlib (tests/integration/test_providers_clients.py); bodies
are checked against Google's discovery document. On one core it answers some 1,300 small requests, or 140,000 contacts
in pages of a thousand, a second; whoever measures a client should know.
"""

GOOGLE_CLIENT_ID = "addressbus-test.apps.google.example"
GOOGLE_CLIENT_SECRET = "sim-secret-google"
MICROSOFT_CLIENT_ID = "5a1b0c0d-0000-4000-8000-00000000ad55"
MICROSOFT_CLIENT_SECRET = "sim-secret-microsoft"

SECRETS = (
    "sim-access-",
    "sim-refresh-",
    "sim-code-",
    "sim-secret-",
    "sim-page-",
    "sim-sync-",
    "sim-skip-",
    "sim-delta-",
)
