"""A small stand-in for MNIST, and the web server that the download tests talk to."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from gpunet.datasets.idx import encode_idx

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the user's folders, mirrors and proxies."""
    for name in ("GPUNET_DATA_DIR", "GPUNET_CACHE_DIR", "GPUNET_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def small_mnist() -> dict[str, bytes]:
    """Return the four files' inflated content: 20 training and 10 test pictures."""
    random = np.random.default_rng(0)
    content = {}
    for part, n in (("train", 20), ("t10k", 10)):
        content[f"{part}-images-idx3-ubyte"] = encode_idx(
            random.integers(0, 256, (n, 28, 28), np.uint8)
        )
        content[f"{part}-labels-idx1-ubyte"] = encode_idx(np.arange(n, dtype=np.uint8) % 10)
    return content


@pytest.fixture
def hashes(small_mnist: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in small_mnist.items()}


@pytest.fixture
def archives(small_mnist: dict[str, bytes]) -> dict[str, bytes]:
    """Return what a mirror serves."""
    return {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in small_mnist.items()}


@pytest.fixture
def mnist_folder(tmp_path: Path, archives: dict[str, bytes]) -> Path:
    folder = tmp_path / "mnist-files"
    folder.mkdir()
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    return folder


@dataclass
class Mirror:
    """A web server on the loopback, and how it misbehaves."""

    files: dict[str, bytes]
    ranges: bool = True
    cut_after: int | None = None  # bytes of a body, the first time a file is asked for
    always_cut: bool = False
    url: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # (file, Range)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rsplit("/", 1)[-1]
        wanted = request.headers["Range"]
        first_time = name not in [asked for asked, _ in self.requests]
        self.requests.append((name, wanted))
        if name not in self.files:
            request.send_error(404)
            return
        body, start = self.files[name], 0
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                request.send_error(416)
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            request.send_response(200)
        body = body[start:]
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cut_after is not None and (first_time or self.always_cut):
            body = body[: self.cut_after]
        request.wfile.write(body)


@pytest.fixture
def serve(archives: dict[str, bytes]) -> Iterator[Callable[..., Mirror]]:
    """Return a function that starts a Mirror of ``archives`` with the given habits."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(**habits: object) -> Mirror:
        mirror = Mirror(**{"files": archives} | habits)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        mirror.url = f"http://127.0.0.1:{server.server_port}/mnist/"
        return mirror

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()
