"""Open files, mapped and read, that are cut short while someone looks at them."""

from __future__ import annotations

import io
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tiled_zarr._native import Codec, Faults, File, encode

PAGE = mmap.PAGESIZE
CONTENT = np.random.default_rng(0).integers(1, 255, 40 * PAGE + 100, dtype="u1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    CONTENT.tofile(tmp_path / "a.bin")
    return tmp_path / "a.bin"


def mapped(path: Path, faults: Faults | None = None) -> File:
    with path.open("rb") as file:
        return File(file.fileno(), path.stat().st_size, faults or Faults())


def bytes_of(mapping: File) -> np.ndarray:
    return np.frombuffer(mapping, "u1")


def is_mapped(path: Path) -> bool:
    return str(path) in Path("/proc/self/maps").read_text()


def resident(path: Path) -> int:
    """Bytes of a mapped file that count as this process's own."""
    entries = Path("/proc/self/smaps").read_text().split(str(path))[1:]
    return sum(int(entry.split("Rss:")[1].split()[0]) * 1024 for entry in entries)


def test_it_is_the_bytes_of_the_file(path):
    mapping = mapped(path)
    assert len(mapping) == CONTENT.size
    np.testing.assert_array_equal(bytes_of(mapping), CONTENT)
    chunk = np.ndarray((3, 50), "<u2", mapping, 301)
    assert encode(chunk.view("V2"), (3, 50), Codec("none")) == CONTENT[301:601].tobytes()


def test_it_cannot_be_written(path):
    mapping = mapped(path)
    assert memoryview(mapping).readonly
    with pytest.raises(TypeError, match="read-write"):
        io.BytesIO(CONTENT[:4].tobytes()).readinto(mapping)
    with pytest.raises(ValueError, match="read-only"):
        bytes_of(mapping)[0] = 1


def test_it_stays_as_long_as_its_last_view(path):
    view = bytes_of(mapped(path))[5:]
    part = view[10:20]
    del view
    assert is_mapped(path)
    assert part[0] == CONTENT[15]
    del part
    assert not is_mapped(path)


def test_pages_that_are_released_come_back(path):
    mapping = mapped(path)
    view = bytes_of(mapping)
    view.sum()
    assert resident(path) > 0
    mapping.release()
    assert resident(path) == 0
    np.testing.assert_array_equal(view, CONTENT)


def cached(path: Path, at: int) -> bool:
    """True if a byte can be read without waiting for a disk.

    If the file system cannot say, we assume that it can.
    """
    with path.open("rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(1)], at, os.RWF_NOWAIT) == 1
        except BlockingIOError:
            return False
        except OSError:
            return True


def forget(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_bytes_are_copied(path):
    mapping = mapped(path)
    assert mapping.read(5, 3 * PAGE) == CONTENT[5 : 5 + 3 * PAGE].tobytes()
    assert mapping.read(CONTENT.size - 1, 1) == CONTENT[-1:].tobytes()
    assert mapping.read(2**62, 0) == b""
    for first in (CONTENT.size - 1, CONTENT.size, 2**62):
        with pytest.raises(OSError, match=r"end of file|Invalid argument"):
            mapping.read(first, 2)
    with pytest.raises(OSError, match="out of range"):
        mapping.read(2**63, 2)
    with pytest.raises(MemoryError):
        mapping.read(0, 2**62)


def test_pieces_are_copied(path):
    mapping = mapped(path)
    expected = [CONTENT[5 + 1000 * i + 7 * j :][:3] for i in range(4) for j in range(2)]
    assert mapping.read(5, 3, (4, 2), (1000, 7)) == np.concatenate(expected).tobytes()
    assert mapping.read(5, 0, (4,), (1000,)) == mapping.read(5, 10, (0,), (1000,)) == b""
    with pytest.raises(OSError, match="end of file"):
        mapping.read(5, 3, (4, 2), (100_000, 7))
    for counts in ((2**40,), (2**40, 2**40)):
        with pytest.raises(MemoryError, match="larger than memory"):
            mapping.read(0, 2**30, counts, [1] * len(counts))
    with pytest.raises(ValueError, match="1 counts and 2 strides"):
        mapping.read(0, 1, (2,), (1, 2))


PIECES = {
    "one": (3 * PAGE + 5, 2 * PAGE, (), (), [3, 4, 5]),
    "along two axes": (PAGE, 1, (2, 3), (16 * PAGE, 4 * PAGE), [1, 5, 9, 17, 21, 25]),
    "many": (0, 10, (40,), (PAGE,), list(range(40))),
    "none": (0, 10, (0,), (PAGE,), []),
    "partly beyond the end": (39 * PAGE, 10 * PAGE, (5,), (2**40,), [39, 40]),
    "beyond what a file can have": (0, 2**62, (3,), (2**62,), [0, 40]),
}


@pytest.mark.parametrize("case", PIECES.values(), ids=PIECES)
def test_pieces_are_read_ahead(path, case):
    *pieces, pages = case
    mapping = mapped(path)
    forget(path)
    mapping.prefetch(*pieces)
    assert soon(lambda: all(cached(path, page * PAGE) for page in pages))
    mapping.prefetch(*pieces)
    np.testing.assert_array_equal(bytes_of(mapping), CONTENT)


def test_pieces_need_a_count_and_a_stride_for_every_axis(path):
    with pytest.raises(ValueError, match="2 counts and 1 strides"):
        mapped(path).prefetch(0, 1, (2, 3), (1,))


def test_a_file_that_is_cut_short_reads_as_zeros_and_is_counted(path):
    faults, others = Faults(), Faults()
    view = bytes_of(mapped(path, faults))
    np.testing.assert_array_equal(view[: 2 * PAGE], CONTENT[: 2 * PAGE])
    os.truncate(path, 10 * PAGE + 7)
    assert faults.count == 0
    assert not view[11 * PAGE :].any()
    assert (faults.count, others.count) == (1, 0)
    np.testing.assert_array_equal(view[: 10 * PAGE + 7], CONTENT[: 10 * PAGE + 7])
    CONTENT.tofile(path)
    assert not view[11 * PAGE :].any(), "for good"
    np.testing.assert_array_equal(bytes_of(mapped(path, faults)), CONTENT)
    assert faults.count == 1


def test_faults_count_after_the_mapping_is_gone(path):
    faults = Faults()
    view = bytes_of(mapped(path, faults))
    os.truncate(path, 0)
    encode(view.view("V1"), (CONTENT.size,), Codec("zstd"))
    del view
    assert not is_mapped(path)
    assert faults.count == 1


def test_many_threads_at_once(path):
    """Each maps the file, and half of them find it cut short."""
    cut = path.with_name("cut.bin")
    CONTENT.tofile(cut)
    views = [bytes_of(mapped(cut, Faults())) for _ in range(40)]
    os.truncate(cut, 0)

    def look(number: int) -> int:
        return int(views[number // 2].sum()) if number % 2 else int(bytes_of(mapped(path)).sum())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(80))) == [int(CONTENT.sum()), 0] * 40


def test_what_cannot_be_mapped_is_read(tmp_path):
    """The system maps no empty file and no pipe."""
    empty = tmp_path / "empty"
    empty.touch()
    file = mapped(empty)
    assert (len(file), file.is_mapped, file.read(0, 0)) == (0, False, b"")
    read, write = os.pipe()
    pipe = File(read, 1, Faults())
    os.close(read)
    os.close(write)
    assert not pipe.is_mapped
    for call in (lambda: pipe.read(0, 1), lambda: file.read(0, 1)):
        with pytest.raises(OSError, match=r"Illegal seek|end of file"):
            call()
    with pytest.raises(BufferError, match="not mapped"):
        memoryview(file)
    file.release()
    file.prefetch(0, 1, (), ())


def test_what_is_not_open_is_an_os_error(path):
    with path.open("rb") as file:
        fileno = file.fileno()
    for closed in (fileno, -1):
        with pytest.raises(OSError, match="Bad file descriptor"):
            File(closed, 1, Faults())


def test_more_files_than_are_guarded_are_read(path):
    files = [mapped(path) for _ in range(1025)]
    assert files[0].is_mapped
    assert not files[-1].is_mapped
    assert files[-1].read(0, CONTENT.size) == CONTENT.tobytes()
    del files
    assert not is_mapped(path)
    np.testing.assert_array_equal(bytes_of(mapped(path)), CONTENT)


def test_a_file_that_is_replaced_is_read_on(path):
    """Whether it is still the one that is meant is for the caller to see."""
    file = mapped(path)
    other = path.with_name("other.bin")
    other.write_bytes(b"other")
    other.replace(path)
    assert file.read(0, CONTENT.size) == CONTENT.tobytes()


SCRIPT = """
import faulthandler, mmap, os, signal, sys
from tiled_zarr._native import Faults, File
path = sys.argv[1]
file = open(path, "rb+")
size = os.path.getsize(path)
plain = mmap.mmap(file.fileno(), size)
faults = Faults()
{before}
mapping = memoryview(File(file.fileno(), size, faults))
{after}
os.truncate(path, 0)
assert mapping[size - 1] == 0 and mapping[0] == 0 and faults.count == 2, faults.count
print("survived", flush=True)
{then}
print("reached", flush=True)
"""
KILLED = -signal.SIGBUS
AFTER = "faulthandler.enable(); File(file.fileno(), size, faults)"
OTHERS = {
    "no other handler": ("", "", "plain[0]", KILLED, ""),
    "sent by someone": ("", "", "os.kill(os.getpid(), signal.SIGBUS)", KILLED, ""),
    "sent and ignored": ("signal.signal(signal.SIGBUS, signal.SIG_IGN)", "", "os.kill(os.getpid(), signal.SIGBUS)", 0, ""),
    "a fault is not ignored": ("signal.signal(signal.SIGBUS, signal.SIG_IGN)", "", "plain[0]", KILLED, ""),
    "sent to a handler": (
        "signal.signal(signal.SIGBUS, lambda *_: print('handled', file=sys.stderr))",
        "",
        "signal.raise_signal(signal.SIGBUS); signal.raise_signal(signal.SIGBUS)",
        0,
        "handled\nhandled\n",
    ),
    "faulthandler before": ("faulthandler.enable()", "", "plain[0]", KILLED, "Fatal Python error: Bus error"),
    "faulthandler before, sent": (
        "faulthandler.enable()",
        "",
        "signal.raise_signal(signal.SIGBUS)",
        KILLED,
        "Fatal Python error: Bus error",
    ),
    "faulthandler after": ("", AFTER, "plain[0]", KILLED, "Fatal Python error: Bus error"),
    "faulthandler after, sent": ("", AFTER, "signal.raise_signal(signal.SIGBUS)", KILLED, "Fatal Python error: Bus error"),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_other_faults_go_to_whoever_was_there_first(path, case):
    before, after, then, status, printed = case
    script = SCRIPT.format(before=before, after=after, then=then)
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False, timeout=20)
    assert result.returncode == status, result.stderr
    assert result.stderr.count("Fatal Python error") <= 1
    assert result.stdout.split() == ["survived", "reached"][: 1 if status else 2]
    assert printed in result.stderr


def test_a_child_process_is_guarded_too(path):
    script = """
import os, sys
from tiled_zarr._native import Faults, File
faults = Faults()
mapping = memoryview(File(os.open(sys.argv[1], os.O_RDONLY), os.path.getsize(sys.argv[1]), faults))
child = os.fork()
os.truncate(sys.argv[1], 0)
found = mapping[len(mapping) - 1] + mapping[0]
if child == 0:
    os._exit(100 * found + faults.count)
assert (found, faults.count) == (0, 2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
"""
    subprocess.run([sys.executable, "-c", script, path], check=True, timeout=20)


def wrong(call: Callable[[], object]) -> None:
    with pytest.raises((TypeError, OverflowError)):
        call()


def test_wrong_arguments_are_refused(path):
    wrong(lambda: File("a", 1, Faults()))  # type: ignore[arg-type]
    wrong(lambda: File(0, -1, Faults()))
    wrong(lambda: File(0, 1, 0))  # type: ignore[arg-type]
