"""What can be done with accounts, for the API, the pages and the command line alike.

A function that ends credentials returns when Kafka has acknowledged the revocation, so that sockets close within a
second. Roles are checked by the caller (`principals.require`); the workspace is always the principal's own.
"""

import logging
import re
import time
from uuid import UUID, uuid4

import msgspec

from app.core.channels import holder_of, workspace_channel
from app.core.errors import Rejected, TryAgain
from app.core.principals import Principal, Role
from app.core.workspaces import workspace_id
from app.web import codes, mail
from app.web.authentication import SESSION_DAYS, digest, new_credential, new_token
from app.web.services import Services
from app.web.store import Invitation, Member, Offer, Session, Store, Token, Workspace

log = logging.getLogger(__name__)

LINK_SECONDS = 15 * 60
INVITATION_DAYS = 7
MAX_TOKEN_DAYS = 3650

_ADDRESS = re.compile(r"[^\s@<>\"',;:\\]{1,64}@[^\s@<>\"',;:\\]{1,189}")


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was just opened; `credential` goes into the cookie and nowhere else."""

    credential: str
    offer: Offer


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was just made; `token` is shown once."""

    id: UUID
    name: str
    role: Role
    token: str
    days: int | None


class NewInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that was just made. `link` is None when it went out by mail."""

    invitation: Invitation
    link: str | None


def address_of(text: str) -> str:
    """An e-mail address as we know people by it. Raises Rejected `bad_address`."""
    address = text.strip().casefold()
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise Rejected("bad_address", "This does not look like an e-mail address.")
    return address


def sign_in_url(public_url: str, code: str) -> str:
    """Where a code is used. It stands behind the #, which browsers send to nobody."""
    return f"{public_url.rstrip('/')}/sign-in#{code}"


# Ways in


async def found_workspace(store: Store, slug: str, name: str, address: str) -> Workspace:
    """Makes a workspace and its owner, if they are not there. Raises Rejected."""
    workspace = Workspace(id=workspace_id(slug), slug=slug, name=name)
    await store.found_workspace(workspace, uuid4(), address_of(address))
    return workspace


async def new_link(store: Store, public_url: str, workspace: UUID, person: UUID) -> str:
    """A sign-in link for a member, good once and for 15 minutes."""
    code = codes.new_code()
    await store.add_link(workspace, person, codes.digest(code), LINK_SECONDS)
    return sign_in_url(public_url, code)


async def send_links(services: Services, address: str, *, client: str) -> None:
    """Mails a member a link for each of their workspaces. Whether anybody has this address is told to nobody.

    `client` is the network address that asks. Raises Rejected `bad_address`, `no_mail` where the installation sends
    none, `too_many_requests`; TryAgain.
    """
    services.sign_ins.take(client, time.monotonic())
    address = address_of(address)
    if not services.config.smtp_url:
        raise Rejected("no_mail", "This installation sends no mail. Ask its operator for a sign-in link.")
    for workspace, person in await services.accounts.workspaces_of(address):
        link = await new_link(services.accounts, services.config.public_url, workspace.id, person)
        text = f"Sign in to {workspace.name}:\n\n{link}\n\nThe link is good once, for 15 minutes.\n"
        await mail.send(services.config.smtp_url, address, f"Your sign-in link for {workspace.name}", text)


async def offer(services: Services, code: str, *, client: str) -> Offer:
    """What a code would do, without using it up. Raises Rejected `code_expired`, `too_many_requests`."""
    services.sign_ins.take(client, time.monotonic())
    found = await services.accounts.offer(codes.digest(code))
    if found is None:
        raise _code_expired()
    return found


async def sign_in(services: Services, code: str, *, client: str, agent: str, before: Principal | None) -> NewSession:
    """Uses a code up: a new session with a new credential, whatever the browser had `before`, which ends.

    `client` is the network address that asks, `agent` its User-Agent. Raises Rejected `code_expired`,
    `too_many_requests`; TryAgain.
    """
    services.sign_ins.take(client, time.monotonic())
    credential = new_credential()
    used = await services.accounts.use(
        codes.digest(code), uuid4(), uuid4(), digest(credential), holder_of(credential), summary(agent), SESSION_DAYS
    )
    if used is None:
        log.info("a sign-in code was refused", extra={"client": client})
        raise _code_expired()
    log.info("signed in", extra={"workspace": str(used.workspace), "way": used.kind})
    if before is not None and before.by == "session":
        try:
            await sign_out(services, before)
        except TryAgain:
            # The code is used up, so the way in must not fail now; the old session's end is told with the next one.
            log.warning("the session before could not be ended yet", extra={"workspace": str(used.workspace)})
    return NewSession(credential=credential, offer=used)


async def sign_out(services: Services, principal: Principal) -> None:
    """Ends the session that asks. Raises Rejected `not_a_session`, TryAgain."""
    if principal.by != "session":
        raise Rejected("not_a_session", "Only a browser's session can sign out; a token is revoked.")
    await services.accounts.sign_out(principal)
    _log("signed out", principal)
    await services.endings.tell([principal.holder])


async def sessions(services: Services, principal: Principal) -> list[Session]:
    """The sessions of this person in this workspace, the one that asks marked."""
    return await services.accounts.sessions(principal.workspace, person_of(principal), principal.holder)


async def end_session(services: Services, principal: Principal, session: UUID) -> None:
    """Ends one of one's own sessions. Raises Rejected `not_found`, TryAgain."""
    holder = await services.accounts.end_session(principal.workspace, person_of(principal), session)
    await services.endings.tell([holder])


# Members


async def members(services: Services, principal: Principal) -> list[Member]:
    return await services.accounts.members(principal.workspace)


async def change_role(services: Services, principal: Principal, person: UUID, role: Role) -> None:
    """Raises Rejected `not_found`, `last_owner`."""
    await services.accounts.change_role(principal, person, role)
    services.sessions.forget(person=person)
    _log("role changed", principal, member=str(person), role=role)


async def remove_member(services: Services, principal: Principal, person: UUID) -> None:
    """Ends a membership with all its sessions and tokens. Raises Rejected `not_found`, `last_owner`; TryAgain."""
    holders = await services.accounts.remove_member(principal, person)
    _log("member removed", principal, member=str(person))
    await services.endings.tell(holders)


async def invitations(services: Services, principal: Principal) -> list[Invitation]:
    return await services.accounts.invitations(principal.workspace)


async def invite(services: Services, principal: Principal, address: str, role: Role) -> NewInvitation:
    """Invites somebody for 7 days, by mail where the installation sends mail, else by the link in the answer.

    Raises Rejected `bad_address`, `already_member`; TryAgain.
    """
    address = address_of(address)
    code = codes.new_code()
    invitation = await services.accounts.invite(principal, uuid4(), codes.digest(code), address, role, INVITATION_DAYS)
    _log("invited", principal, invitation=str(invitation.id), role=role)
    link = sign_in_url(services.config.public_url, code)
    if not services.config.smtp_url:
        return NewInvitation(invitation=invitation, link=link)
    workspace = await services.accounts.workspace(principal.workspace)
    name = workspace.name if workspace else "Addressbus"
    text = f"{principal.name} invites you to {name}:\n\n{link}\n\nThe link is good once, for {INVITATION_DAYS} days.\n"
    await mail.send(services.config.smtp_url, address, f"You are invited to {name}", text)
    return NewInvitation(invitation=invitation, link=None)


async def withdraw_invitation(services: Services, principal: Principal, invitation: UUID) -> None:
    """Raises Rejected `not_found`."""
    await services.accounts.withdraw_invitation(principal.workspace, invitation)


# Tokens


async def tokens(services: Services, principal: Principal) -> list[Token]:
    return await services.accounts.tokens(principal.workspace)


async def create_token(services: Services, principal: Principal, name: str, role: Role, days: int | None) -> NewToken:
    """A new token with a name people know it by; `days` None means that it does not expire.

    Raises Rejected `bad_name`, `bad_days`, `forbidden` for more than one's own role.
    """
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Rejected("bad_name", "Give the token a name of 1 to 100 characters.")
    if days is not None and not 1 <= days <= MAX_TOKEN_DAYS:
        raise Rejected("bad_days", f"A token lives 1 to {MAX_TOKEN_DAYS} days.")
    if not principal.may(role):
        raise Rejected("forbidden", "A token cannot do more than you.")
    token, identity = new_token(), uuid4()
    await services.accounts.add_token(
        principal.workspace,
        person_of(principal),
        identity,
        digest(token),
        holder_of(token),
        name,
        role,
        days,
        by=principal,
    )
    _log("token made", principal, token=str(identity), role=role)
    return NewToken(id=identity, name=name, role=role, token=token, days=days)


async def revoke_token(services: Services, principal: Principal, token: UUID) -> None:
    """Raises Rejected `not_found`, TryAgain."""
    holder = await services.accounts.end_token(principal, token)
    _log("token revoked", principal, token=str(token))
    await services.endings.tell([holder])


# Channels


async def owns_channel(store: Store, workspace: UUID, channel: str) -> bool:
    """Whether this channel is the workspace's."""
    return channel == workspace_channel(workspace) or await store.has_channel(workspace, channel)


def _log(what: str, principal: Principal, **more: str) -> None:
    """Writes down who did what, by ids: an address is nobody's business in a log."""
    who = {"workspace": str(principal.workspace), "person": str(principal.person), "by": principal.by}
    log.info(what, extra={**who, **more})


def person_of(principal: Principal) -> UUID:
    """The person behind a principal that authentication made."""
    assert principal.person is not None, "authentication knows the person"
    return principal.person


def summary(agent: str) -> str:
    """A browser and a system in two words, from a User-Agent: enough to recognise one's own session."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "A program")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return f"{browser} on {system}" if system else browser


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def _code_expired() -> Rejected:
    return Rejected("code_expired", "This code was used already, has expired, or was not typed quite right.")
