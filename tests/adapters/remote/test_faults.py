"""What goes wrong with a store is said in a sentence, is no absence, and shows no secret."""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import zarr

from adapters.remote.conftest import S3, SECRET, Clock, Opener
from adapters.remote.contents import npy, npz, parquet, png, tiff
from objectserver import ObjectServer, Reply, Request
from tiled_zarr.adapters.remote import copies
from tiled_zarr.adapters.remote.open import found_at
from tiled_zarr.nodes import Array, Busy, Changed, Damaged, Group, TooLarge, TooSlow, Unavailable
from tiled_zarr.resources import Resources
from tiled_zarr.testing.contract import assert_same, read

VALUES = np.arange(60_000, dtype="i4").reshape(200, 300)
STATUSES = {
    403: (Damaged, "may not be read: the store refuses; check its credentials"),
    401: (Damaged, "may not be read: the store refuses"),
    503: (Busy, "asks for fewer requests; ask again later"),
    429: (Busy, "asks for fewer requests"),
    500: (ConnectionError, "failed with status 500"),
    400: (Damaged, "the store answered 400; check the address"),
    "hang": (TooSlow, "did not answer in time"),
}


@pytest.mark.parametrize(("status", "error", "text"), [(status, *said) for status, said in STATUSES.items()], ids=map(str, STATUSES))
def test_a_store_that_fails(
    opener: Callable[..., Opener], server: ObjectServer, status: int | str, error: type[Exception], text: str
) -> None:
    server.objects["lab/a.npy"] = npy(VALUES)
    single = opener(look=1e6, timeout=0.4).found("s3://lab/a.npy")
    node = single.node()
    assert isinstance(node, Array)
    server.faults["lab/a.npy"] = status
    with pytest.raises(error, match=text):
        read(node, (slice(0, 200), slice(0, 300)))
    server.faults.clear()
    assert_same(read(node, (slice(0, 200), slice(0, 300))), VALUES, "after")


@pytest.mark.parametrize(("status", "error"), [(403, Damaged), (503, Busy), ("hang", TooSlow)])
def test_a_look_that_fails_is_no_absence(
    opener: Callable[..., Opener], server: ObjectServer, status: int | str, error: type[Exception]
) -> None:
    server.faults["lab/a.npy"] = status
    with pytest.raises(error):
        opener(timeout=0.4)("s3://lab/a.npy")


def test_a_listing_that_fails_is_no_absence(opener: Callable[..., Opener], server: ObjectServer, clock: Clock) -> None:
    server.objects["lab/a.npy"] = npy(VALUES)
    group = opener(look=5.0, timeout=0.4)("s3://lab/")
    assert isinstance(group, Group)
    clock.now += 5.1
    server.faults["lab"] = 403
    with pytest.raises(Damaged):
        group.children["no such name"]
    server.faults["lab"] = 503
    with pytest.raises(Busy):
        list(group.children)


def test_one_bad_object_harms_only_itself(
    opener: Callable[..., Opener], server: ObjectServer, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.objects |= {"lab/good.npy": npy(VALUES), "lab/bad.npy": npy(VALUES), "lab/cut.npy": npy(VALUES)[:1000], "lab/none.png": b""}
    server.faults["lab/bad.npy"] = 403
    group = opener(look=1e6, timeout=0.4)("s3://lab/")
    assert isinstance(group, Group)
    good = group.children["good"]
    assert isinstance(good, Array)
    assert_same(read(good, (slice(0, 200), slice(0, 300))), VALUES, "good")
    with pytest.raises(Damaged, match="may not be read"):
        group.children["bad"]
    with pytest.raises(Damaged, match="is empty where a picture is expected"):
        group.children["none"]
    monkeypatch.setattr(copies, "opened", None)  # a refusal is kept as long as the object is the same
    with pytest.raises(Damaged, match="is empty where a picture is expected"):
        group.children["none"]
    cut = group.children["cut"]
    assert isinstance(cut, Array)
    with pytest.raises(Damaged, match="ends at byte 1000"):
        read(cut, (slice(0, 200), slice(0, 300)))


def test_a_table_that_promises_more_than_the_object_has(opener: Callable[..., Opener], server: ObjectServer) -> None:
    """The footer says where a column lies; nobody has changed the object."""
    whole = parquet(x=np.arange(10_000) * 7)
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    server.objects["lab/a.parquet"] = b"PAR1" + whole[-footer:]
    node = opener()("s3://lab/a.parquet")
    assert isinstance(node, Group)
    column = node.children["x"]
    assert isinstance(column, Array)
    with pytest.raises(Damaged, match=r"'a\.parquet' ends at byte \d+, data are expected up to \d+"):
        read(column, (slice(0, 10_000),))


NOTHING = {
    "s3://none/": (OSError, "there is no bucket for 's3://none'"),
    "s3://none/a.npy": (OSError, "there is no bucket"),
    "s3://lab/none": (FileNotFoundError, "there is nothing at s3://lab/none; check the address"),
    "s3://lab/none.npy": (FileNotFoundError, "there is nothing at s3://lab/none.npy"),
    "s3://lab/what.odd": (Unavailable, "no adapter for the suffix of 'what.odd'"),
    "s3://": (Unavailable, "names no bucket; write s3://BUCKET/KEY"),
    "ftp://h/a": (Unavailable, "ftp:// is not read"),
    "https://no-such-host.invalid/a.npy": (ConnectionError, "cannot be reached|is not known"),
    "http://127.0.0.1:9/a.npy": (ConnectionError, "cannot be reached; check the address"),
}


@pytest.mark.parametrize(("url", "error", "text"), [(url, *said) for url, said in NOTHING.items()], ids=NOTHING)
def test_what_is_not_there(s3: S3, url: str, error: type[Exception], text: str) -> None:
    import tiled_zarr

    s3.client.put_object(Bucket="lab", Key="what.odd", Body=b"?")
    with pytest.raises(error, match=text):
        tiled_zarr.open(url)


def test_a_web_server_has_no_listing(opener: Callable[..., Opener], server: ObjectServer) -> None:
    with pytest.raises(Unavailable, match=r"no Zarr store, and web servers have no listings"):
        opener()(f"{server.url}/data/")


def texts(error: BaseException) -> str:
    """All that a log could show of an error."""
    return "".join(traceback.format_exception(error))


def test_secrets_are_in_no_text(
    opener: Callable[..., Opener], server: ObjectServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a signed URL, and of a key in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOFTHETESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    url = f"{server.url.replace('//', '//me:word-of-the-tests@')}/data/a.npy?signature={SECRET}"
    server.objects |= {"data/a.npy": npy(VALUES)}
    opened = opener(look=1e6, timeout=0.4)
    node = opened(url)
    said = [repr(node), str(node.revision()), repr(node.attributes)]
    assert isinstance(node, Array)
    with caplog.at_level(logging.DEBUG):
        for status in STATUSES:
            server.faults["data/a.npy"] = status
            for ask in (lambda: read(node, (slice(0, 9), slice(0, 300))), lambda: opener(timeout=0.4)(url)):
                with pytest.raises((Damaged, Busy, TooSlow, ConnectionError)) as raised:
                    ask()
                said.append(texts(raised.value))
    said.append(caplog.text)
    for text in said:
        assert SECRET not in text
        assert "word-of-the-tests" not in text
        assert "AKIDOFTHETESTS" not in text


def test_copies_are_bounded_and_deleted(opener: Callable[..., Opener], server: ObjectServer) -> None:
    pictures = {f"lab/{name}.png": png(np.random.default_rng(i).integers(0, 255, (100, 100), dtype="u1")) for i, name in enumerate("abc")}
    server.objects |= pictures
    size = max(map(len, pictures.values()))
    opened = opener(look=1e6, copy=2 * size + 100)
    group = opened("s3://lab/")
    assert isinstance(group, Group)
    client = group.children._shared.client  # type: ignore[attr-defined] # of a Prefix
    first = group.children["a"]
    (copy,) = client.copies.values()
    folder: Path = copy.folder
    assert (folder / "a.png").read_bytes() == pictures["lab/a.png"]
    group.children["b"], group.children["c"]
    assert not folder.exists()
    assert len(client.copies) == 2
    assert isinstance(first, Array)
    with pytest.raises(Changed, match=r"the copy of 'a\.png' was deleted; ask again"):
        read(first, (slice(0, 9), slice(0, 9)))
    again = group.children["a"]
    assert isinstance(again, Array)
    assert again.revision() == first.revision()
    assert read(again, (slice(0, 9), slice(0, 9))).shape == (9, 9)
    folders = [one.folder for one in client.copies.values()]
    assert all(one.exists() for one in folders)
    opened.resources.close()
    gc.collect()
    assert not any(one.exists() for one in folders)


def test_a_large_file_is_copied_in_parts(opener: Callable[..., Opener], server: ObjectServer) -> None:
    """A request has a time limit, and a whole file may take longer."""
    noise = np.random.default_rng(5).integers(0, 2**16, (3000, 3000), dtype="u2")
    server.objects["lab/a.npz"] = npz(a=noise)
    node = opener()("s3://lab/a.npz")
    assert isinstance(node, Group)
    array = node.children["a"]
    assert isinstance(array, Array)
    assert_same(read(array, (slice(0, 3000), slice(0, 3000))), noise, "a.npz")
    assert len(server.asked("GET")) == 3


def test_a_copy_of_two_versions_is_never_made(opener: Callable[..., Opener], server: ObjectServer) -> None:
    server.objects["lab/a.npz"] = npz(a=VALUES)
    single = opener(look=1e6).found("s3://lab/a.npz")
    server.objects["lab/a.npz"] = npz(a=VALUES + 1)
    with pytest.raises(Changed):
        single.node()


def test_what_is_too_large_to_copy_says_what_to_do(opener: Callable[..., Opener], server: ObjectServer) -> None:
    server.objects["lab/a.npz"] = npz(a=VALUES)
    with pytest.raises(TooLarge, match=r"'a\.npz' has 0 MiB and is copied whole, at most 0 MiB are: raise the setting remote_copy"):
        opener(copy=1000)("s3://lab/a.npz")
    assert server.asked("GET") == []


def test_a_signed_url_may_allow_get_alone(opener: Callable[..., Opener], server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ObjectServer._object
    monkeypatch.setattr(ObjectServer, "_object", lambda self, request: Reply(403) if request.method == "HEAD" else answer(self, request))
    server.objects["data/a.npy"] = npy(VALUES)
    node = opener()(f"{server.url}/data/a.npy?signature=x")
    assert isinstance(node, Array)
    assert_same(read(node, (slice(0, 200), slice(0, 300))), VALUES, "a.npy")


def test_without_obstore_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiled_zarr

    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(Damaged, match=r"the package 'obstore.*' is not installed; pip install 'obstore"):
        tiled_zarr.open("s3://another-bucket/a.npy", resources=Resources.of())


def test_a_profile_signs(server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("boto3", reason="boto3 is not installed")
    (tmp_path / "credentials").write_text("[lab]\naws_access_key_id = AKIDOFPROFILE\naws_secret_access_key = x\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    seen: list[str] = []
    answer = ObjectServer._answer

    async def noted(self: ObjectServer, method: str, target: str, headers: Mapping[str, str]) -> bytes:
        seen.append(headers.get("authorization", ""))
        return await answer(self, method, target, headers)

    monkeypatch.setattr(ObjectServer, "_answer", noted)
    server.objects["lab/a.npy"] = npy(VALUES)
    resources = Resources.of()
    found_at("s3://lab/a.npy", resources, store={"endpoint": server.url, "region": "us-east-1"})
    resources.close()
    assert seen
    assert all("Credential=AKIDOFPROFILE/" in one for one in seen)


def test_many_objects_opened_ahead_do_not_wait_for_each_other(opener: Callable[..., Opener], server: ObjectServer) -> None:
    """Each reads its headers in several pieces at once, in threads that those who open must not fill."""
    image = np.zeros((1, 40_000), "u1")
    long = {f"lab/a{i:02d}x.tif": tiff(image, rowsperstrip=1, description="x" * 65_500) for i in range(48)}
    server.objects |= long
    group = opener(look=1e6)("s3://lab/")
    assert isinstance(group, Group)
    server.delay = 0.05
    assert [group.children[name].shape for name in group.children] == [(1, 40_000)] * 48  # type: ignore[union-attr] # arrays


KEYS = ("lab/in//a.npy", "lab/in/./a.npy", "lab/in/../a.npy")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_obstore_cannot_spell_is_named_as_the_fault(opener: Callable[..., Opener], server: ObjectServer, key: str) -> None:
    server.objects |= {key: npy(VALUES), "lab/in/b.npy": npy(VALUES)}
    with pytest.raises(Damaged, match=r"'a\.npy' cannot be read: it, or a key below it, has '//'.*; rename that object"):
        opener()(f"s3://{key}")
    assert opener()("s3://lab/in/b.npy").shape == VALUES.shape  # type: ignore[union-attr] # an array


def test_a_prefix_with_a_double_slash_says_so(s3: S3) -> None:
    import tiled_zarr

    s3.client.put_object(Bucket="lab", Key="slashes//a.npy", Body=npy(VALUES))
    with pytest.raises(Damaged, match=r"'slashes' cannot be read: it, or a key below it, has '//'.*; rename that object"):
        tiled_zarr.open("s3://lab/slashes/")


PANICS = {
    "AWS_ENDPOINT_URL": ("minio:9000", r"the endpoint of s3://lab is no address; write it as https://HOST or http://HOST:PORT"),
    "AWS_SESSION_TOKEN": (f"{SECRET}\nb", r"'a\.npy' cannot be asked for; check its bucket, and the variables of the environment"),
}


@pytest.mark.parametrize("name", PANICS)
def test_a_panic_of_obstore_is_an_error_of_ours(s3: S3, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value, text = PANICS[name]
    monkeypatch.setenv(name, value)
    resources = Resources.of()
    with pytest.raises(Damaged, match=text) as raised:
        found_at("s3://lab/a.npy", resources)
    resources.close()
    assert SECRET not in texts(raised.value)


def test_a_password_in_the_address_of_a_bucket_is_not_shown(s3: S3) -> None:
    import tiled_zarr

    with pytest.raises(FileNotFoundError, match=r"nothing at s3://lab/none\.npy;") as raised:
        tiled_zarr.open(f"s3://me:{SECRET}@lab/none.npy")
    assert SECRET not in texts(raised.value)


@pytest.mark.parametrize("status", [405, 501])
def test_a_zarr_group_whose_server_lists_nothing(opener: Callable[..., Opener], server: ObjectServer, tmp_path: Path, status: int) -> None:
    zarr.open_group(tmp_path, mode="w").create_array("a", data=VALUES)
    server.add(tmp_path, "data/z.zarr")
    server.faults["data/z.zarr"] = status
    group = opener()(f"{server.url}/data/z.zarr")
    assert isinstance(group, Group)
    assert_same(read(group.children["a"], (slice(0, 200), slice(0, 300))), VALUES, "a")  # type: ignore[arg-type] # an array
    with pytest.raises(Damaged, match=r"has no listings; consolidate the metadata of the Zarr group"):
        list(group.children)


def test_a_zarr_group_whose_listing_is_throttled(opener: Callable[..., Opener], server: ObjectServer, tmp_path: Path) -> None:
    zarr.open_group(tmp_path, mode="w").create_array("a", data=VALUES)
    server.add(tmp_path, "lab/z.zarr")
    group = opener(timeout=0.4)("s3://lab/z.zarr")
    assert isinstance(group, Group)
    server.faults["lab"] = 503
    with pytest.raises(Busy):
        list(group.children)
    server.faults.clear()
    assert list(group.children) == ["a"]


class FromStart(ObjectServer):
    """Answers requests for the last bytes with all of them, as simple web servers do."""

    def _object(self, request: Request) -> Reply:
        return super()._object(request._replace(range=None) if (request.range or "").startswith("bytes=-") else request)


@pytest.mark.parametrize("kind", [ObjectServer, FromStart])
@pytest.mark.parametrize("nbytes", [0, 5])
def test_a_shard_that_is_cut_to_nothing_is_damaged(tmp_path: Path, kind: type[ObjectServer], nbytes: int) -> None:
    zarr.create_array(tmp_path, data=VALUES, chunks=(50, 50), shards=(100, 150))
    resources = Resources.of()
    with kind() as server:
        server.add(tmp_path, "data/z.zarr")
        server.objects["data/z.zarr/c/0/0"] = server.objects["data/z.zarr/c/0/0"][:nbytes]
        node = found_at(f"{server.url}/data/z.zarr", resources).node()
        with pytest.raises(Damaged, match=r"'c/0/0' (ends before these data|has \d bytes of its index, expected 100)"):
            read(node, (slice(0, 50), slice(0, 50)))
        assert_same(read(node, (slice(100, 200), slice(0, 300))), VALUES[100:], "another shard")
        resources.close()
