"""Ask for chunks of a folder in a process of its own, and print what each cost: `python -m adapters.bombs.asking FOLDER KEY ...` in tests/.

One line of JSON a key: status, body (if it is no 200), MiB above the resident memory before it at the peak (VmHWM), and still resident
afterwards. Before the first key, `warm` of the same folder is asked for, so that no library is imported meanwhile.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
SECONDS = 300
MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What a key was answered with, and MiB above the memory that was resident before: at the peak, and afterwards."""

    status: int
    body: str
    peak: float
    kept: float


def costs(folder: Path, keys: Iterable[str], *, in_flight: int | None = None) -> dict[str, Cost]:
    """The cost of each key of a folder, all asked of one process, one after the other."""
    asked = list(keys)
    command = [sys.executable, "-m", "adapters.bombs.asking", str(folder), str(in_flight or 0), *asked]
    run = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(zip(asked, (Cost(**json.loads(line)) for line in run.stdout.splitlines()), strict=True))


def memory(field: str) -> float:
    """MiB of this process: VmHWM is the peak of what was resident, VmRSS what is now."""
    return int(Path("/proc/self/status").read_text().partition(f"{field}:")[2].split()[0]) / 1024


def main(folder: str, in_flight: str, *keys: str) -> None:
    from asgi import ask
    from tiled_zarr.adapters.directory import open_directory
    from tiled_zarr.app import create_app
    from tiled_zarr.settings import Settings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    limits = {"in_flight": int(in_flight)} if int(in_flight) else {}
    app = create_app(open_directory(Path(folder)), Settings(public=True, **limits))
    for key in keys:
        warm, _, chunk = key.partition("!")
        ask(app, f"/zarr/v3/{warm}/zarr.json")
        for path in Path(folder).glob("warm*"):
            ask(app, f"/zarr/v3/{path.name}/c/0")
        time.sleep(0.2)
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
        before = memory("VmRSS")
        answer = ask(app, f"/zarr/v3/{warm}/{chunk}")
        peak, kept = memory("VmHWM") - before, memory("VmRSS") - before
        body = "" if answer.status == 200 else answer.body.decode()
        print(json.dumps({"status": answer.status, "body": body, "peak": round(peak, 1), "kept": round(kept, 1)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
