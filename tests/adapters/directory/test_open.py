import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from tiled_zarr.adapters.common import extras
from tiled_zarr.adapters.directory import formats, listing, open_directory
from tiled_zarr.adapters.directory import open as opening
from tiled_zarr.adapters.files.image import open_image
from tiled_zarr.nodes import Array, Damaged, Group, Unavailable
from tiled_zarr.revisions import file_revision
from tiled_zarr.testing import ReaderContract, reading, whole
from tiled_zarr.testing.files import FEW, MANY


def mixed(folder: Path):
    """A file of every kind, in folders."""
    (folder / "scans" / "day 1").mkdir(parents=True)
    (folder / "empty").mkdir()
    np.save(folder / "scans" / "plain.npy", FEW)
    np.savez(folder / "scans" / "pair.npz", a=FEW, b=MANY)
    tifffile.imwrite(folder / "scans" / "day 1" / "image.ome.tif", MANY, tile=(32, 32), metadata={"axes": "YX"})
    Image.fromarray(FEW).save(folder / "photo.PNG")
    with h5py.File(folder / "run.1.h5", "w") as file:
        file["entry/data"] = MANY
    zarr.create_group(folder / "store.zarr").create_array("x", data=FEW)
    zarr.create_array(folder / "unsuffixed", data=FEW, zarr_format=2)
    (folder / "notes.txt").write_text("no data")
    (folder / ".hidden.npy").write_text("no data")
    (folder / ".git").mkdir()
    truth = {
        "empty": {},
        "photo": FEW,
        "run.1": {"entry": {"data": MANY}},
        "scans": {"day 1": {"image": MANY}, "pair": {"a": FEW, "b": MANY}, "plain": FEW},
        "store": {"x": FEW},
        "unsuffixed": FEW,
    }
    return open_directory(folder), truth


class TestDirectory(ReaderContract, cases={"mixed": mixed}): ...


def save(path: Path, data=FEW) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, data)
    return path


def settle(folder: Path) -> None:
    """As if the last change were long ago."""
    os.utime(folder, (1, 1))


def test_names_that_several_files_share(tmp_path):
    for name in ("a.npy", "b.npy", "c.npy"):
        save(tmp_path / name)
    for name in ("a.npz", "c.npy.npz"):
        (tmp_path / name).touch()
    (tmp_path / "b").mkdir()
    group = open_directory(tmp_path)
    assert list(group.children) == ["a.npy", "a.npz", "b", "b.npy", "c", "c.npy.npz"]
    with pytest.raises(LookupError, match=r"ask for one of a\.npy, a\.npz") as caught:
        group.children["a"]
    assert not isinstance(caught.value, KeyError)
    assert isinstance(group.children["b"], Group)
    assert isinstance(group.children["b.npy"], Array)


def test_what_appears_and_goes(tmp_path):
    group = open_directory(tmp_path)
    assert list(group.children) == []
    save(tmp_path / "a.npy")
    assert list(group.children) == ["a"]
    settle(tmp_path)
    assert list(group.children) == ["a"]
    save(tmp_path / "b.npy")
    assert list(group.children) == ["a", "b"]
    (tmp_path / "a.npy").unlink()
    with pytest.raises(KeyError):
        group.children["a"]


def test_a_folder_has_no_revision_since_a_file_that_is_rewritten_leaves_no_mark_on_it(tmp_path):
    assert open_directory(tmp_path).revision() is None


def test_a_file_written_right_after_a_look_is_seen(tmp_path, monkeypatch):
    """Its folder may then have the same time as before."""
    group = open_directory(tmp_path)
    status = tmp_path.stat()
    save(tmp_path / "a.npy")
    os.utime(tmp_path, ns=(status.st_atime_ns, status.st_mtime_ns))
    monkeypatch.setattr(listing, "described", lambda _: "the same")
    monkeypatch.setattr(opening, "folder_revision", lambda _: "the same")
    assert list(group.children) == ["a"]


def test_a_file_is_opened_once_until_it_changes(tmp_path):
    path = save(tmp_path / "a.npy")
    group = open_directory(tmp_path)
    first = group.children["a"]
    assert group.children["a"] is first
    with path.open("r+b") as file:
        np.save(file, MANY)
    again = group.children["a"]
    assert again.shape == MANY.shape
    assert again.revision() == file_revision(path)
    with pytest.raises(OSError, match="changed"):
        whole(first)


def test_a_file_replaced_while_threads_read(tmp_path):
    """Every reader gets one content or the other, or an error; never a mixture."""
    path = save(tmp_path / "a.npy", np.zeros((200, 300), "i4"))
    group = open_directory(tmp_path)

    def read(_) -> str:
        try:
            node = group.children["a"]
            revision = node.revision()
            values = np.unique(whole(node)).tolist()
            return str(values) if node.revision() == revision else "Changed"
        except OSError as error:
            return type(error).__name__

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(read, i) for i in range(200)]
        for value in range(1, 20):
            with path.open("r+b") as file:
                np.save(file, np.full((200, 300 + value), value, "i4"))
        results = {job.result() for job in jobs}
    assert results <= {f"[{value}]" for value in range(20)} | {"Changed", "OSError"}
    assert np.unique(whole(group.children["a"])).tolist() == [19]


def test_looking_opens_no_file(tmp_path):
    for i in range(100):
        (tmp_path / f"{i}.h5").write_bytes(b"x" * 100_000)
    with reading() as nbytes:
        group = open_directory(tmp_path)
        assert len(list(group.children)) == 100
        assert nbytes() == 0


def test_a_bad_file_leaves_the_others(tmp_path):
    (tmp_path / "bad.h5").write_text("no hierarchy")
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "bad.tif").write_bytes(b"II*\0")
    (tmp_path / "empty.png").write_bytes(b"")
    save(tmp_path / "good.npy")
    group = open_directory(tmp_path)
    assert list(group.children) == ["bad.h5", "bad.npy", "bad.tif", "empty", "good"]
    for name in ("bad.h5", "bad.npy", "bad.tif", "empty"):
        with pytest.raises(Exception, match=r".") as caught:
            group.children[name]
        assert not isinstance(caught.value, KeyError), name
    assert (whole(group.children["good"]) == FEW).all()


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w"):
        pass
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(Damaged, match=r"'h5py' is not installed; pip install 'h5py>=\S+' 'hdf5plugin>=\S+'$"):
        open_directory(tmp_path).children["a"]


def test_links(tmp_path):
    served, outside = tmp_path / "served", tmp_path / "outside"
    save(outside / "secret.npy")
    save(served / "sub" / "a.npy")
    (served / "file.npy").symlink_to(served / "sub" / "a.npy")
    (served / "folder").symlink_to(served / "sub")
    (served / "out").symlink_to(outside)
    (served / "out.npy").symlink_to(outside / "secret.npy")
    (served / "sibling").symlink_to(tmp_path / "served-not")
    (served / "gone.npy").symlink_to(served / "nothing.npy")
    (served / "sub" / "up").symlink_to(served)
    group = open_directory(served)
    assert list(group.children) == ["file", "folder", "sub"]
    refused = dict(group.unavailable())
    assert refused == {
        "out": "a link out of the folder that is served, which is not followed",
        "out.npy": "a link out of the folder that is served, which is not followed",
        "sibling": "a link out of the folder that is served, which is not followed",
        "gone": "a link that leads nowhere",
    }
    assert list(group.children["folder"].children) == ["a"]
    assert group.children["sub"].unavailable() == {"up": "a cycle: a link back to a folder above it"}
    for name in ("..", "sub/a", "../outside/secret", "/etc"):
        with pytest.raises(KeyError):
            group.children[name]
    for name, reason in refused.items():
        with pytest.raises(Damaged, match=reason):
            group.children[name]


def test_two_folders_that_link_to_each_other(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "other").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "other").symlink_to(tmp_path / "a")
    seen = []
    save(tmp_path / "a" / "x.npy")
    open_directory(tmp_path, on_file=seen.append)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in seen) == ["a/x.npy"]


def test_a_link_that_is_itself_served(tmp_path):
    save(tmp_path / "real" / "a.npy")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "b.npy").symlink_to(tmp_path / "real" / "a.npy")
    assert list(open_directory(tmp_path / "link").children) == ["a", "b"]


def test_what_is_no_regular_file_is_no_data(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    group = open_directory(tmp_path)
    assert list(group.children) == []
    assert group.unavailable() == {"pipe": "a named pipe (FIFO), which is never opened"}


def test_a_file_that_becomes_a_broken_link_keeps_the_names_of_the_others(tmp_path):
    save(tmp_path / "a.npy")
    (tmp_path / "a.npz").touch()
    assert list(open_directory(tmp_path).children) == ["a.npy", "a.npz"]
    (tmp_path / "a.npz").unlink()
    (tmp_path / "a.npz").symlink_to("nowhere")
    group = open_directory(tmp_path)
    assert list(group.children) == ["a.npy"]
    assert group.unavailable() == {"a.npz": "a link that leads nowhere"}


def test_on_file_is_called_for_each_file(tmp_path):
    mixed(tmp_path)
    seen = []
    open_directory(tmp_path, on_file=seen.append)
    names = {path.relative_to(tmp_path).as_posix() for path in seen}
    scans = {"scans/plain.npy", "scans/pair.npz", "scans/day 1/image.ome.tif"}
    assert names == {"photo.PNG", "run.1.h5", "store.zarr", "unsuffixed", *scans}


def test_a_store_is_its_own_node(tmp_path):
    mixed(tmp_path)
    assert isinstance(open_directory(tmp_path / "unsuffixed"), Array)
    assert list(open_directory(tmp_path / "store.zarr").children) == ["x"]


def test_a_folder_that_becomes_a_store(tmp_path):
    (tmp_path / "a").mkdir()
    group = open_directory(tmp_path)
    assert isinstance(group.children["a"], Group)
    zarr.create_array(tmp_path / "a", data=FEW, overwrite=True)
    assert isinstance(group.children["a"], Array)
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(KeyError):
        group.children["a"]


def test_more_files_than_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "MOST_FILES", 3)
    for i in range(10):
        save(tmp_path / f"{i}.npy", FEW + i)
    group = open_directory(tmp_path)
    assert all((whole(group.children[str(i)]) == FEW + i).all() for i in [*range(10), *range(10)])


@pytest.mark.parametrize("path", ["missing", "file.npy"])
def test_what_is_no_folder_raises(tmp_path, path):
    save(tmp_path / "file.npy")
    with pytest.raises(OSError, match=path):
        open_directory(tmp_path / path)


def test_a_folder_that_goes_while_it_is_indexed(tmp_path):
    save(tmp_path / "a.npy")
    save(tmp_path / "sub" / "b.npy")
    seen = []
    open_directory(tmp_path, on_file=lambda path: (seen.append(path.name), shutil.rmtree(tmp_path / "sub")))
    assert seen == ["a.npy"]


def test_a_store_without_its_adapter_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "file_adapter", lambda _: None)
    zarr.create_array(tmp_path / "a", data=FEW)
    with pytest.raises(Unavailable, match="no adapter"):
        open_directory(tmp_path).children["a"]


def test_what_a_file_is_refused_for_is_remembered_until_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "bad.png"
    path.write_bytes(b"no picture")
    os.utime(path, ns=(1, 1))
    # its ctime is now
    monkeypatch.setattr("tiled_zarr.adapters.common.reopened.is_settled", lambda _: True)
    opened = []

    def noting(path, resources):
        opened.append(path)
        return open_image(path, resources)

    folder = open_directory(tmp_path, formats=formats.Formats(by_suffix={".png": noting}))
    for _ in range(3):
        with pytest.raises(Damaged, match="cannot be read as a picture"):
            folder.children["bad"]
    assert len(opened) == 1
    Image.fromarray(np.zeros((4, 5), "u1")).save(path)
    assert folder.children["bad"].shape == (4, 5)
