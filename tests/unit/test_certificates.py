"""What the embedded brokers show each other and the processes: believed by those who trust their authority alone."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from app.stack.certificates import Authority


def greeted(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    """Shakes hands; answers the name in the server's certificate. Raises SSLError."""
    here, there = socket.socketpair()

    def answer() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as wrapped:
                wrapped.recv(1)
        except OSError:
            pass

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        with client.wrap_socket(here, server_hostname=name) as wrapped:
            shown = wrapped.getpeercert(binary_form=True)
    finally:
        here.close()
        answering.join(5)
        there.close()
    assert shown is not None
    return x509.load_der_x509_certificate(shown).subject.rfc4514_string()


def serving(authority: Authority, folder: Path) -> ssl.SSLContext:
    path = folder / "node.pem"
    path.write_text(authority.issue("broker.1"))
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(path)
    return made


def test_who_trusts_the_authority_believes_its_servers_on_loopback(tmp_path: Path) -> None:
    authority = Authority()
    client = ssl.create_default_context(cadata=authority.certificate)
    assert greeted(serving(authority, tmp_path), client, "127.0.0.1") == "CN=broker.1"
    assert greeted(serving(authority, tmp_path), client, "localhost") == "CN=broker.1"


def test_nobody_else_is_believed_and_nowhere_else(tmp_path: Path) -> None:
    authority = Authority()
    for client, name in (
        (ssl.create_default_context(cadata=Authority().certificate), "127.0.0.1"),
        (ssl.create_default_context(cadata=authority.certificate), "kafka.example"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            greeted(serving(authority, tmp_path), client, name)
