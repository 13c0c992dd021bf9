"""The hub's HTTP API as far as models need it, on loopback: repositories, commits, large files."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

TOKEN = "hf_thetokenofthetests"
_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_LARGE = (".safetensors", ".png")


@dataclass
class Repo:
    """A model on the fake hub: commits are whole listings of files."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        whole = json.dumps([sorted((n, hashlib.sha256(d).hexdigest()) for n, d in files.items())])
        sha = hashlib.sha1(f"{len(self.commits)}{whole}".encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.heads[branch] = sha
        return sha

    def sha(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.heads.get(revision)

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.heads["main"]]


class FakeHub:
    """What it holds, what it was asked, and what it shall refuse.

    `faults`: (method, part of the path) -> status; `lies`: file -> bytes that are sent instead.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.large: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.faults: dict[tuple[str, str], int] = {}
        self.lies: dict[str, bytes] = {}
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def add(self, name: str, files: dict[str, bytes], **kind: bool) -> Repo:
        repo = self.repos[name] = Repo(**kind)
        repo.commit(files)
        return repo

    def paths(self, method: str, part: str = "") -> list[str]:
        """What was asked so far, by method and a part of the path."""
        return [path for verb, path, _ in self.asked if verb == method and part in path]


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    routes = (
        ("GET", rf"/api/models/{_REPO}(?:/revision/(?P<rev>[^/]+))?", "info"),
        ("HEAD", rf"/{_REPO}/resolve/(?P<rev>[^/]+)/(?P<file>.+)", "resolve"),
        ("GET", rf"/{_REPO}/resolve/(?P<rev>[^/]+)/(?P<file>.+)", "resolve"),
        ("GET", r"/cdn/(?P<oid>[0-9a-f]{64})", "cdn"),
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("POST", rf"/api/models/{_REPO}/preupload/(?P<rev>[^/]+)", "preupload"),
        ("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", "batch"),
        ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "put"),
        ("POST", r"/lfs-verify", "verify"),
        ("POST", rf"/api/models/{_REPO}/commit/(?P<rev>[^/]+)", "commit"),
    )

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path, self.headers["Authorization"]))
        length = int(self.headers["Content-Length"] or 0)
        chunked = self.headers["Transfer-Encoding"] == "chunked"
        self.body = _unchunk(self.rfile) if chunked else self.rfile.read(length)
        for (method, part), status in self.hub.faults.items():
            if method == self.command and part in path:
                said = "Invalid credentials in Authorization header" if status == 401 else ""
                return self.give(status, {"error": said}, {"X-Error-Message": said})
        for method, pattern, name in self.routes:
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                return getattr(self, name)(**match.groupdict())
        return self.give(404, {"error": "no such page"})

    def give(
        self, status: int, body: object = None, headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:  # fmt: skip
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @property
    def known(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {TOKEN}"

    def find(self, name: str, rev: str | None, opened: bool = False) -> tuple[Repo, str] | None:
        """The repository and commit; answers by itself where there is none."""
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not self.known):
            self.give(401 if not self.known else 404, {}, {"X-Error-Code": "RepoNotFound"})
            return None
        sha = repo.sha(rev or "main")
        if sha is None:
            self.give(404, {}, {"X-Error-Code": "RevisionNotFound"})
            return None
        if opened and repo.gated:
            self.give(403, {}, {"X-Error-Code": "GatedRepo"})
            return None
        return repo, sha

    def info(self, repo: str, rev: str | None) -> None:
        if found := self.find(repo, rev):
            one, sha = found
            files = [
                {"rfilename": name, "size": len(data), "blobId": _git(data)}
                for name, data in one.commits[sha].items()
            ]
            self.give(200, {"_id": "1", "id": repo, "sha": sha, "private": one.private,
                            "gated": "manual" if one.gated else False, "siblings": files,
                            "tags": [], "downloads": 0, "likes": 0})  # fmt: skip

    def resolve(self, repo: str, rev: str, file: str) -> None:
        found = self.find(repo, rev, opened=True)
        if found is None:
            return None
        one, sha = found
        data = one.commits[sha].get(file)
        if data is None:
            return self.give(404, {}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha})
        headers = {"X-Repo-Commit": sha, "ETag": f'"{_git(data)}"'}
        if not file.endswith(_LARGE):
            return self.give(200, self.hub.lies.get(file, data), headers, len(data))
        oid = hashlib.sha256(data).hexdigest()
        self.hub.large[oid] = self.hub.lies.get(file, data)
        headers |= {
            "X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(data)),
            "Location": f"http://localhost:{self.hub.port}/cdn/{oid}",
        }  # fmt: skip
        return self.give(302, b"", headers)

    def cdn(self, oid: str) -> None:
        data = self.hub.large[oid]
        self.give(200, data, {"ETag": f'"{oid}"'})

    def create(self) -> None:
        if not self.known:
            return self.give(401, {"error": "Invalid username or password."})
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repos:
            return self.give(409, {"url": f"{self.hub.url}/{name}"})
        if asked["organization"] != "anna":
            said = "You don't have the rights to create a model under this namespace"
            return self.give(403, {"error": said}, {"X-Error-Message": said})
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.add(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, private=private)
        return self.give(200, {"url": f"{self.hub.url}/{name}", "id": "1"})

    def validate(self) -> None:
        text = json.loads(self.body)["content"]
        head = yaml.safe_load(text.split("---")[1])
        if not re.fullmatch(r"[a-z0-9.+-]+", str(head.get("license"))):
            return self.give(400, {"errors": [{"message": '"license" must be one of'}]})
        return self.give(200, {"warnings": [], "errors": []})

    def preupload(self, repo: str, rev: str) -> None:
        if not self.known:
            return self.give(401, {})
        files = [
            {"path": one["path"], "shouldIgnore": False,
             "uploadMode": "lfs" if one["path"].endswith(_LARGE) else "regular"}
            for one in json.loads(self.body)["files"]
        ]  # fmt: skip
        return self.give(200, {"files": files})

    def batch(self, repo: str) -> None:
        objects = []
        for one in json.loads(self.body)["objects"]:
            actions = {
                "upload": {"href": f"{self.hub.url}/lfs/{one['oid']}"},
                "verify": {"href": f"{self.hub.url}/lfs-verify"},
            }
            there = one["oid"] in self.hub.large
            objects.append({**one, **({} if there else {"actions": actions})})
        self.give(200, {"objects": objects, "transfer": "basic"})

    def put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.give(400, {"error": "other bytes"})
        self.hub.large[oid] = self.body
        return self.give(200, {})

    def verify(self) -> None:
        one = json.loads(self.body)
        self.give(200 if len(self.hub.large[one["oid"]]) == one["size"] else 400, {})

    def commit(self, repo: str, rev: str) -> None:
        one = self.hub.repos[repo]
        lines = [json.loads(line) for line in self.body.splitlines()]
        head = lines[0]["value"]
        if head.get("parentCommit") not in (None, one.heads[rev]):
            said = "A commit has happened since. Please refresh and try again."
            return self.give(412, {"error": said}, {"X-Error-Message": said})
        files = dict(one.commits[one.heads[rev]])
        for line in lines[1:]:
            value: dict[str, Any] = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            else:
                assert line["key"] == "deletedFile", line
                del files[value["path"]]
        sha = one.commit(files)
        url = f"{self.hub.url}/{repo}/commit/{sha}"
        return self.give(200, {"success": True, "commitUrl": url, "commitOid": sha})


def _git(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _unchunk(stream: Any) -> bytes:
    parts = []
    while size := int(stream.readline().split(b";")[0], 16):
        parts.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(parts)


def log_in(home: Path) -> None:
    """As `hf auth login` does it, below the folder that `pointed_at` was given."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "token").write_text(TOKEN)


@contextmanager
def pointed_at(url: str, home: Path) -> Iterator[pytest.MonkeyPatch]:
    """The hub library as if it had been started with HF_ENDPOINT=url and HF_HOME=home, without
    Xet, which has no place in a fake of HTTP."""
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", url)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_URL_HOSTS", frozenset({"127.0.0.1"}), raising=False)
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        patch.setattr(constants, "HF_HOME", str(home))
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        patch.setattr(constants, "HF_STORED_TOKENS_PATH", str(home / "stored_tokens"))
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
            patch.delenv(name, raising=False)
        yield patch
