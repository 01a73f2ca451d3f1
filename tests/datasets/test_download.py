"""Downloads: against a server on the loopback that has every bad habit."""

import gzip
import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from gpunet.datasets import fetch_mnist
from gpunet.datasets.cache import cache_folder
from gpunet.datasets.mirrors import _claim_part
from gpunet.errors import ArgumentError, FileError

FIRST = "train-images-idx3-ubyte.gz"
DEAD = "http://127.0.0.1:1/"  # nobody listens on port 1


def assert_complete(folder: Path, archives: dict[str, bytes]) -> None:
    """The four files, right, and nothing else."""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == archives


def test_all_four_files_arrive_with_progress(tmp_path, serve, archives, hashes) -> None:
    seen = []
    mirror = serve()
    folder = fetch_mnist(
        tmp_path / "a" / "b", [mirror.url], lambda *a: seen.append(a), hashes=hashes
    )
    assert folder == tmp_path / "a" / "b"
    assert_complete(folder, archives)
    for name, content in archives.items():
        assert [step for step in seen if step[0] == name][-1] == (name, len(content), len(content))
    assert [wanted for _, wanted in mirror.requests] == [None] * 4


def test_what_is_there_and_right_is_not_asked_for(mnist_folder, serve, archives, hashes) -> None:
    (mnist_folder / FIRST).write_bytes(archives[FIRST][:-20])
    mirror = serve()
    fetch_mnist(mnist_folder, [mirror.url], hashes=hashes)
    assert [name for name, _ in mirror.requests] == [FIRST]
    assert_complete(mnist_folder, archives)


def test_a_plain_file_counts_too_but_not_a_wrong_one(mnist_folder, archives, hashes) -> None:
    plain = mnist_folder / FIRST.removesuffix(".gz")
    plain.write_bytes(gzip.decompress(archives[FIRST]))
    fetch_mnist(mnist_folder, [DEAD], hashes=hashes)
    plain.write_bytes(b"something else")
    with pytest.raises(FileError, match=r"is not MNIST's file.*move it away"):
        fetch_mnist(mnist_folder, [DEAD], hashes=hashes)


def test_a_cut_connection_is_resumed_where_it_broke(tmp_path, serve, archives, hashes) -> None:
    mirror = serve(cut_after=30)
    fetch_mnist(tmp_path, [mirror.url], hashes=hashes)
    assert_complete(tmp_path, archives)
    assert [wanted for _, wanted in mirror.requests] == [None, "bytes=30-"] * 4


def test_a_later_run_resumes_what_an_earlier_one_left(tmp_path, serve, archives, hashes) -> None:
    with pytest.raises(FileError, match="the connection ended after 100 of"):
        fetch_mnist(tmp_path, [serve(cut_after=0, always_cut=True).url, serve(
            files={FIRST: archives[FIRST]}, cut_after=100, always_cut=True, ranges=False).url],
            hashes=hashes)  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == [f"{FIRST}.part"]
    good = serve()
    fetch_mnist(tmp_path, [good.url], hashes=hashes)
    assert good.requests[0] == (FIRST, "bytes=100-")
    assert_complete(tmp_path, archives)


def test_a_server_without_ranges_starts_anew(tmp_path, serve, archives, hashes) -> None:
    (tmp_path / f"{FIRST}.part").write_bytes(archives[FIRST][:70])
    fetch_mnist(tmp_path, [serve(ranges=False).url], hashes=hashes)
    assert_complete(tmp_path, archives)


@pytest.mark.parametrize("remainder", [b"x" * 70, b"x" * 10**6], ids=["other", "too long"])
def test_a_wrong_beginning_is_thrown_away(tmp_path, serve, archives, hashes, remainder) -> None:
    (tmp_path / f"{FIRST}.part").write_bytes(remainder)
    mirror = serve()
    fetch_mnist(tmp_path, [mirror.url], hashes=hashes)
    assert_complete(tmp_path, archives)
    assert mirror.requests[:2] == [(FIRST, f"bytes={len(remainder)}-"), (FIRST, None)]


def test_the_next_mirror_steps_in(tmp_path, serve, archives, hashes) -> None:
    wrong = serve(files=dict.fromkeys(archives, b"<html>log in first</html>"))
    missing, good = serve(files={}), serve()
    fetch_mnist(tmp_path, [DEAD, missing.url, wrong.url, good.url], hashes=hashes)
    assert_complete(tmp_path, archives)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path, serve, archives, hashes) -> None:
    other = gzip.compress(b"other digits")
    mirror = serve(files=archives | {FIRST: other})
    digest = hashlib.sha256(b"other digits").hexdigest()
    with pytest.raises(FileError, match=f"has the SHA-256 {digest}, expected {hashes[FIRST[:-3]]}"):
        fetch_mnist(tmp_path, [mirror.url], hashes=hashes)
    assert list(tmp_path.iterdir()) == []  # rubbish isn't kept to be resumed


def test_every_mirror_and_what_to_do_are_listed(tmp_path, serve, hashes) -> None:
    missing = serve(files={})
    with pytest.raises(FileError) as caught:
        fetch_mnist(tmp_path, [DEAD, missing.url], hashes=hashes)
    message = str(caught.value)
    assert f"{DEAD}{FIRST}: " in message
    assert f"{missing.url}{FIRST}: HTTP 404" in message
    assert f"into {tmp_path} by hand" in message
    assert "GPUNET_DATA_DIR" in message


def test_the_environment_names_mirrors_and_cache(
    tmp_path, serve, archives, hashes, monkeypatch
) -> None:
    monkeypatch.setenv("GPUNET_MIRRORS", f"{DEAD}, {serve().url}")
    monkeypatch.setenv("GPUNET_CACHE_DIR", str(tmp_path))
    assert fetch_mnist(hashes=hashes) == tmp_path / "mnist"
    assert_complete(tmp_path / "mnist", archives)


@pytest.mark.parametrize("mirror", ["file:///etc/", "ftp://example.org/", "example.org", "http:"])
def test_only_http_is_accepted(tmp_path, mirror: str) -> None:
    with pytest.raises(ArgumentError, match="expected mirrors such as https"):
        fetch_mnist(tmp_path, [mirror])


def test_a_redirect_to_a_file_is_not_followed(tmp_path, serve, archives, hashes) -> None:
    mirror = serve()

    def redirect(request) -> None:
        request.send_response(302)
        request.send_header("Location", f"ftp://127.0.0.1/{FIRST}")
        request.end_headers()

    mirror.answer = redirect
    with pytest.raises(FileError, match="unknown url type: ftp"):
        fetch_mnist(tmp_path, [mirror.url], hashes=hashes)


def test_a_silent_server_counts_as_dead(tmp_path, serve, hashes) -> None:
    mirror = serve()
    mirror.answer = lambda request: time.sleep(0.5)
    with pytest.raises(FileError, match="timed out"):
        fetch_mnist(tmp_path, [mirror.url], hashes=hashes, timeout=0.1)


def test_a_folder_that_cannot_be_made(tmp_path, serve, hashes) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError, match=r"cannot write .*GPUNET_CACHE_DIR"):
        fetch_mnist(tmp_path / "file" / "mnist", [serve().url], hashes=hashes)


def test_a_full_disk_ends_it_and_keeps_what_fits(tmp_path, serve, hashes) -> None:
    """A limit on the file size stands in for the full disk: write() fails as there."""
    resource = pytest.importorskip("resource", reason="Windows has no limit on the file size")
    good = serve()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(FileError, match=r"cannot write .*part .File too large"):
            fetch_mnist(tmp_path, [good.url, good.url], hashes=hashes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(good.requests) == 1  # another mirror would not help
    assert [path.name for path in tmp_path.iterdir()] == [f"{FIRST}.part"]


def test_an_interrupted_download_can_be_resumed(tmp_path, serve, archives, hashes) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_mnist(tmp_path, [serve().url], interrupt, hashes=hashes)
    assert [path.name for path in tmp_path.iterdir()] == [f"{FIRST}.part"]
    fetch_mnist(tmp_path, [serve().url], hashes=hashes)
    assert_complete(tmp_path, archives)


def test_several_at_once_do_not_hurt_each_other(tmp_path, serve, archives, hashes) -> None:
    mirror = serve(cut_after=300)
    failures = []

    def fetch() -> None:
        try:
            fetch_mnist(tmp_path, [mirror.url], hashes=hashes)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_complete(tmp_path, archives)


def test_only_an_abandoned_remainder_is_taken_over(tmp_path) -> None:
    alive, abandoned = tmp_path / "f.gz.aaaa.part", tmp_path / "f.gz.bbbb.part"
    alive.write_bytes(b"alive")
    abandoned.write_bytes(b"abandoned")
    long_ago = time.time() - 3600
    os.utime(abandoned, (long_ago, long_ago))
    assert _claim_part(tmp_path, "f.gz").read_bytes() == b"abandoned"
    assert not _claim_part(tmp_path, "f.gz").exists()
    assert alive.exists()


def test_the_cache_folder_of_each_platform(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder("linux") == Path("/home/ann/.cache/gpunet")
    assert cache_folder("darwin") == Path("/home/ann/Library/Caches/gpunet")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder("linux") == Path("/home/ann/.cache/gpunet")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ann")
    assert cache_folder("linux") == Path("/var/cache/ann/gpunet")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_folder("win32") == Path("/local/gpunet/Cache")
    monkeypatch.setenv("GPUNET_CACHE_DIR", "/elsewhere")
    assert cache_folder("win32") == cache_folder("linux") == Path("/elsewhere")
