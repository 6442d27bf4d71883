"""Mail, if the installation has a server for it (SMTP_URL); else links are shown to whoever may create them.

smtp://user:password@host:587?from=addressbus@example.org    STARTTLS, where the server offers it
smtps://...                                                  TLS from the start, port 465
"""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from app.core.errors import TryAgain

_SECONDS = 15


async def send(smtp_url: str, to: str, subject: str, text: str) -> None:
    """Hands one plain message over. Raises TryAgain when the server does not take it."""
    try:
        await asyncio.to_thread(_send, smtp_url, _message(smtp_url, to, subject, text))
    except (OSError, smtplib.SMTPException) as error:
        raise TryAgain(f"the mail server did not take a message: {type(error).__name__}") from error


def _message(smtp_url: str, to: str, subject: str, text: str) -> EmailMessage:
    parts = urlsplit(smtp_url)
    message = EmailMessage()
    message["From"] = parse_qs(parts.query).get("from", [f"addressbus@{parts.hostname}"])[0]
    message["To"] = to
    message["Subject"] = subject
    message.set_content(text)
    return message


def _send(smtp_url: str, message: EmailMessage) -> None:
    parts = urlsplit(smtp_url)
    host = parts.hostname or "localhost"
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, timeout=_SECONDS, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=_SECONDS)
    with server:
        server.ehlo()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)
