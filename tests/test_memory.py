"""What there is of memory, and how the setting `memory` is split into pools."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tiled_zarr.resources import Resources, Sizes
from tiled_zarr.settings import Settings, SettingsError, memory
from tiled_zarr.settings.values import POOLS
from tiled_zarr.tree import resources_of

MIB, GIB = 2**20, 2**30
FULL = sum(asdict(Sizes()).values())
BEFORE = {"chunks": 256, "tiles": 96, "levels": 128, "in_flight": 1024, "decoded": 256, "tables": 256, "chunk_indexes": 128, "mapped": 64}
"""MiB that the pools had before there was the setting."""


def system(root: Path, **files: str) -> Path:
    """Files under a root, by their paths with two underscores for each slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


GROUPS: dict[str, tuple[dict[str, str], int | None]] = {
    "v2": ({"proc__self__cgroup": "0::/a/b\n", "sys__fs__cgroup__a__b__memoryDOTmax": f"{GIB}\n"}, GIB),
    "v2 above": (
        {"proc__self__cgroup": "0::/a/b\n", "sys__fs__cgroup__a__b__memoryDOTmax": "max\n", "sys__fs__cgroup__a__memoryDOTmax": f"{GIB}\n"},
        GIB,
    ),
    "v2 of a container": ({"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__memoryDOTmax": f"{GIB}\n"}, GIB),
    "v2 throttled": (
        {
            "proc__self__cgroup": "0::/a\n",
            "sys__fs__cgroup__a__memoryDOTmax": f"{2 * GIB}\n",
            "sys__fs__cgroup__a__memoryDOThigh": f"{GIB}\n",
        },
        GIB,
    ),
    "v2 without a limit": ({"proc__self__cgroup": "0::/a\n", "sys__fs__cgroup__a__memoryDOTmax": "max\n"}, None),
    "v1": (
        {"proc__self__cgroup": "5:cpu,cpuacct:/x\n4:memory:/a\n0::/\n", "sys__fs__cgroup__memory__a__memoryDOTlimit_in_bytes": f"{GIB}\n"},
        GIB,
    ),
    "v1 of a container": (
        {"proc__self__cgroup": "4:memory:/docker/1234\n", "sys__fs__cgroup__memory__memoryDOTlimit_in_bytes": f"{GIB}\n"},
        GIB,
    ),
    "v1 without a limit": (
        {"proc__self__cgroup": "4:memory:/\n", "sys__fs__cgroup__memory__memoryDOTlimit_in_bytes": f"{2**63 - 4096}\n"},
        2**63 - 4096,
    ),
    "none": ({}, None),
    "a path that leads out": ({"proc__self__cgroup": "0::/../..\n", "memoryDOTmax": "5\n"}, None),
    "what nobody understands": ({"proc__self__cgroup": "nonsense\n", "sys__fs__cgroup__memoryDOTmax": "-5\n"}, None),
}


@pytest.mark.parametrize(("files", "expected"), GROUPS.values(), ids=GROUPS)
def test_the_least_limit_of_all_groups_holds(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    assert min(memory.of_groups(system(tmp_path, **files)), default=None) == expected
    machine = min(memory.of_machine())
    assert memory.available(tmp_path) == (machine if expected is None else min(machine, expected))


@pytest.mark.parametrize("available", [int(3.8 * GIB), 4 * GIB, 64 * GIB, None], ids=str)
def test_on_a_machine_of_4_gib_or_more_no_pool_is_smaller_than_it_was(available: int | None) -> None:
    """The kernel of a machine of 4 GiB shows 3.8 of them."""
    sizes = memory.sizes(None, {}, available=available)
    assert sizes == Sizes()
    assert {name: getattr(sizes, name) // MIB for name in BEFORE} == BEFORE


@pytest.mark.parametrize(("available", "workers"), [(GIB, 1), (4 * GIB, 4), (256 * MIB, 1)])
def test_a_share_of_what_there_is_is_divided_by_the_workers(available: int, workers: int) -> None:
    sizes = asdict(memory.sizes(None, {}, workers, available))
    total = memory.SHARE * available / workers
    assert total - len(sizes) <= sum(sizes.values()) <= total
    assert {name: round(size / total, 4) for name, size in sizes.items()} == {
        name: round(size / FULL, 4) for name, size in asdict(Sizes()).items()
    }


@pytest.mark.parametrize("workers", [1, 3])
def test_memory_is_split_into_all_pools(workers: int) -> None:
    sizes = asdict(memory.sizes(12 * GIB, {"chunks": GIB, "in_flight": GIB}, workers, available=GIB))
    assert (sizes["chunks"], sizes["in_flight"]) == (GIB, GIB)
    assert 12 * GIB // workers - len(sizes) <= sum(sizes.values()) <= 12 * GIB // workers
    free = FULL - Sizes().chunks - Sizes().in_flight
    assert sizes["tiles"] == pytest.approx((12 * GIB / workers - 2 * GIB) * Sizes().tiles / free, abs=1)


def test_a_size_of_its_own_leaves_the_others_as_they_are_without_memory() -> None:
    given = {"chunks": 16 * GIB, "mapped": 0}
    assert asdict(memory.sizes(None, given, available=64 * GIB)) == asdict(Sizes()) | given


def test_every_pool_has_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: None)
    assert set(POOLS.values()) == set(asdict(Sizes()))
    for number, (setting, pool) in enumerate(POOLS.items(), MIB):
        assert getattr(Settings(**{setting: number}).sizes(), pool) == number
    chosen: dict[str, Any] = dict.fromkeys(POOLS, 30 * MIB)
    resources = resources_of(Settings(**chosen))
    assert {gauge.most for gauge in resources.gauges()} == {30 * MIB}
    assert resources.budget.nbytes == 30 * MIB * 3 // 4


def test_too_little_memory_is_said_with_both_numbers() -> None:
    settings = Settings(memory=GIB, cache_size=GIB, tile_cache_size=1)
    with pytest.raises(SettingsError, match=r"^memory: 1,073,741,824 bytes are less than .*: chunks 1,073,741,824, tiles 1; raise memory"):
        settings.sizes()
    with pytest.raises(SettingsError, match=r"^memory: 536,870,912 bytes for each of 2 workers are less"):
        settings.sizes(2)


def test_levels_on_disk_are_no_memory(tmp_path: Path) -> None:
    settings = Settings(memory=GIB, levels_size=100 * GIB, levels_folder=tmp_path)
    sizes = settings.sizes()
    assert sizes.levels == 100 * GIB
    assert GIB - sum(size for name, size in asdict(sizes).items() if name != "levels") < GIB // 10


def test_each_call_makes_other_resources() -> None:
    first, second = Resources.of(), Resources.of()
    for field in ("abandoned", "budget", "chunks", "tiles", "documents", "row_indexes", "decoded", "mapped", "facts", "hangs", "hdf5"):
        assert getattr(first, field) is not getattr(second, field)
