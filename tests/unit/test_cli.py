"""The command line itself: its arguments, what it remembers, what it says when something is wrong."""

import ast
import json
import stat
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from addressbus_cli import credentials, folders
from addressbus_cli.__main__ import main
from addressbus_cli.answers import Me
from addressbus_cli.arguments import parser
from addressbus_cli.commands import _plan
from addressbus_cli.credentials import Login
from addressbus_cli.server import Server
from addressbus_cli.sources import File
from addressbus_cli.trouble import Exit, Refused, Trouble
from addressbus_cli.unfinished import Begun, Unfinished

ROOT = Path(__file__).parents[2]
LOGIN = Login("https://here.example", "secret")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path)}


# What is installed


def test_it_imports_nothing_but_what_its_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {name.split(">")[0] for name in project["dependencies"]}
    imported = set()
    for path in (ROOT / "addressbus_cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert imported - set(sys.stdlib_module_names) - {"addressbus_cli"} == asked
    assert project["scripts"] == {"addressbus": "addressbus_cli.__main__:main"}


@pytest.mark.parametrize("command", ["login", "logout", "import", "watch", "imports", "problems", "contacts", "export"])
def test_the_readme_tells_every_command(command: str) -> None:
    assert f"addressbus {command}" in (ROOT / "README.md").read_text()


# Arguments


@pytest.mark.parametrize(
    "arguments",
    [[], ["import"], ["import", "a.csv", "--existing", "burn"], ["imports", "--limit", "0"], ["contacts"], ["fly"]],
)
def test_wrong_usage_is_one_sentence_and_exit_3(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == Exit.TROUBLE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_plan_takes_what_the_options_say(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"encoding": "shift_jis", "labels": ["old"]}')
    asked = parser().parse_args(["import", "a.csv", "--plan", str(path), "--existing", "skip", "--label", "fair"])
    assert _plan(asked) == {"encoding": "shift_jis", "labels": ["old", "fair"], "existing": "skip"}


def test_a_plan_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("[1]")
    with pytest.raises(Trouble, match="is no plan"):
        _plan(parser().parse_args(["import", "a.csv", "--plan", str(path)]))


def test_a_missing_file_is_told_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDRESSBUS_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ADDRESSBUS_TOKEN", "secret")
    with pytest.raises(SystemExit) as ended:
        main(["import", str(tmp_path / "nowhere.csv")])
    assert ended.value.code == Exit.TROUBLE
    assert capsys.readouterr().err == f"addressbus: {tmp_path}/nowhere.csv cannot be read: No such file or directory.\n"


def test_a_server_that_is_away_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDRESSBUS_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ADDRESSBUS_TOKEN", "secret")
    with pytest.raises(SystemExit) as ended:
        main(["imports"])
    assert ended.value.code == Exit.TROUBLE
    said = capsys.readouterr().err
    assert said.startswith("addressbus: http://127.0.0.1:9 cannot be reached")
    assert len(said.splitlines()) == 1


# Credentials


def test_a_token_is_kept_for_nobody_else_to_read(environ: dict[str, str]) -> None:
    path = credentials.store(LOGIN, environ)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert credentials.known(environ) == LOGIN
    assert credentials.forget(environ)
    assert not credentials.forget(environ)
    with pytest.raises(Trouble, match="addressbus login"):
        credentials.known(environ)


def test_the_environment_goes_before_what_is_kept(environ: dict[str, str]) -> None:
    credentials.store(LOGIN, environ)
    other = {**environ, "ADDRESSBUS_TOKEN": "other"}
    assert credentials.known(other) == Login("https://here.example", "other")
    other |= {"ADDRESSBUS_URL": "http://localhost:8000/"}
    assert credentials.known(other) == Login("http://localhost:8000", "other")


def test_a_kept_token_goes_to_its_own_server_only(environ: dict[str, str]) -> None:
    credentials.store(LOGIN, environ)
    assert credentials.known({**environ, "ADDRESSBUS_URL": "https://HERE.example/"}) == LOGIN
    with pytest.raises(Trouble, match="no token for"):
        credentials.known({**environ, "ADDRESSBUS_URL": "https://there.example"})


@pytest.mark.parametrize("text", ["localhost:8000", "ftp://x", "https://", "https://a@b", "https://x/?a=b", ""])
def test_what_is_no_address_of_a_server_is_refused(text: str) -> None:
    with pytest.raises(Trouble):
        credentials.address(text)


@pytest.mark.parametrize(
    ("url", "readable"),
    [("http://localhost:8000", False), ("https://a.example", False), ("http://a.example", True)],
)
def test_only_a_foreign_host_without_https_is_warned_of(url: str, readable: bool) -> None:
    assert Login(url, "t").readable is readable


@pytest.mark.parametrize(
    ("platform", "environ", "ends"),
    [
        ("linux", {"XDG_CONFIG_HOME": "/x"}, "/x/addressbus"),
        ("linux", {}, "/.config/addressbus"),
        ("darwin", {}, "/Library/Application Support/addressbus"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/addressbus"),
    ],
)
def test_each_system_has_its_folder(platform: str, environ: dict[str, str], ends: str) -> None:
    assert folders.home(environ, platform).as_posix().endswith(ends)


# Answers


async def asked(response: httpx.Response) -> Me:
    server = Server(LOGIN, httpx.MockTransport(lambda request: response))
    try:
        return await server.get("/api/v1/me", Me)
    finally:
        await server.close()


async def test_fields_of_a_newer_server_are_ignored() -> None:
    body = {"name": "a", "role": "owner", "workspace": {"id": "1", "name": "Demo", "mood": "calm"}, "new": [1]}
    assert (await asked(httpx.Response(200, json=body))).workspace.name == "Demo"


@pytest.mark.parametrize(
    ("response", "said", "exit_"),
    [
        (httpx.Response(401, json={"code": "bad_token", "detail": "x"}), "does not know this token", Exit.TROUBLE),
        (httpx.Response(403, json={"code": "forbidden", "detail": "Only owners."}), "Only owners.", Exit.TROUBLE),
        (httpx.Response(422, json={"code": "empty", "detail": "The file is empty."}), "is empty", Exit.NOT_DONE),
        (httpx.Response(404, html="<h1>nginx</h1>"), "does not answer like Addressbus", Exit.TROUBLE),
        (httpx.Response(200, html="<h1>Hello</h1>"), "does not answer like Addressbus", Exit.TROUBLE),
        (httpx.Response(302, headers={"location": "/x"}), "does not answer like Addressbus", Exit.TROUBLE),
        (httpx.Response(502, html="bad gateway"), "answered 502 Bad Gateway", Exit.TROUBLE),
    ],
)
async def test_each_refusal_is_one_sentence(response: httpx.Response, said: str, exit_: Exit) -> None:
    with pytest.raises(Refused, match=said) as refused:
        await asked(response)
    assert refused.value.status is exit_


async def test_a_server_that_asks_for_patience_gets_it() -> None:
    answers = [httpx.Response(429, headers={"Retry-After": "0"})] * 2
    answers.append(
        httpx.Response(200, content=json.dumps({"name": "a", "role": "o", "workspace": {"id": "", "name": ""}}))
    )
    server = Server(LOGIN, httpx.MockTransport(lambda request: answers.pop(0)))
    assert (await server.get("/api/v1/me", Me)).name == "a"
    await server.close()


# Uploads that were begun


def unfinished(tmp_path: Path, data: bytes, workspace: str = "w", wanted: object = None) -> Unfinished:
    path = tmp_path / "people.csv"
    path.write_bytes(data)
    return Unfinished(File(path), workspace, "https://here.example", wanted, tmp_path / "kept")


def test_an_upload_is_remembered_by_file_workspace_and_wish(tmp_path: Path) -> None:
    begun = Begun(key="k", body={"name": "people.csv"}, changed_at=1)
    unfinished(tmp_path, b"same").keep(begun)
    assert unfinished(tmp_path, b"same").find() == begun
    assert unfinished(tmp_path, b"other").find() is None
    assert unfinished(tmp_path, b"same", workspace="v").find() is None
    assert unfinished(tmp_path, b"same", wanted={"existing": "skip"}).find() is None
    unfinished(tmp_path, b"same").forget()
    assert unfinished(tmp_path, b"same").find() is None
