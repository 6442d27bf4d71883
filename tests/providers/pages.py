"""The pages a person sees while connecting an account: plain HTML, no scripts but one that posts a form by itself."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

from starlette.responses import HTMLResponse

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f1f3f4; margin: 0; }
main { max-width: 26rem; margin: 8vh auto; padding: 2rem; background: #fff;
border: 1px solid #dadce0; border-radius: .5rem; }
h1 { font-size: 1.4rem; font-weight: 500; } li { margin: .4rem 0; } ul { list-style: none; padding: 0; }
label { display: block; margin: .6rem 0; } button { font: inherit; padding: .5rem 1.4rem; margin: 1rem .5rem 0 0; }
small { color: #5f6368; }
"""
_BRANDS = {"google": "Simulated Google", "microsoft": "Simulated Microsoft"}


def _page(provider: str, title: str, body: str, status: int = 200) -> HTMLResponse:
    brand = _BRANDS[provider]
    content = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} - {brand}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><small>{brand}</small><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(content, status, {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})


def chooser(provider: str, path: str, query: Mapping[str, str], accounts: Mapping[str, str]) -> HTMLResponse:
    """Links back to the same address with `login_hint`, and a field for any other account."""
    rest = {name: value for name, value in query.items() if name != "login_hint"}
    links = "".join(
        f'<li><a href="{escape(path)}?{escape(urlencode({**rest, "login_hint": address}))}">{escape(address)}</a> '
        f"<small>{escape(about)}</small></li>"
        for address, about in accounts.items()
    )
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in rest.items()
    )
    other = (
        f'<form action="{escape(path)}">{hidden}<label>Another account '
        '<input type="email" name="login_hint" required></label><button>Next</button></form>'
    )
    return _page(provider, "Choose an account", f"<ul>{links}</ul>{other}")


def consent(
    provider: str, action: str, address: str, client: str, scopes: Mapping[str, tuple[str, bool]]
) -> HTMLResponse:
    """`scopes`: name -> (what it means, whether it can be unticked)."""
    boxes = "".join(
        f'<label><input type="checkbox" name="scope" value="{escape(name)}" checked> {escape(meaning)}</label>'
        if optional
        else f'<input type="hidden" name="scope" value="{escape(name)}"><p>{escape(meaning)}</p>'
        for name, (meaning, optional) in scopes.items()
    )
    body = (
        f"<p>{escape(client)} wants to access the account <b>{escape(address)}</b>.</p>"
        f'<form method="post" action="{escape(action)}"><input type="hidden" name="account" value="{escape(address)}">'
        f'{boxes}<button name="decision" value="allow">Allow</button>'
        '<button name="decision" value="deny">Cancel</button></form>'
    )
    return _page(provider, "Allow access?", body)


def problem(provider: str, code: str, detail: str, status: int = 400) -> HTMLResponse:
    """What only the person sees: nothing is sent back to the client."""
    return _page(provider, f"Error {status}: {code}", f"<p>{escape(detail)}</p>", status)


def posting(target: str, fields: Mapping[str, str]) -> HTMLResponse:
    """`response_mode=form_post`."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    body = (
        f'<form method="post" action="{escape(target)}">{hidden}<button>Continue</button></form>'
        "<script>document.forms[0].submit()</script>"
    )
    return _page("microsoft", "Working...", body)
