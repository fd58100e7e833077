"""Requests chunks of a folder in its own process, and prints what each costs.

    python -m adapters.bombs.asking FOLDER KEY ...       in the folder tests/

NODE!CHUNK requests the document of a node and then a chunk of it. One line of JSON per key: the
status of the chunk, its body if the status is not 200, the MiB above the resident memory before the
request at the peak (VmHWM) and those that stay resident, helper processes included. Keys after
`warm=` come first and are not measured. They must be 200: these are the good neighbours, after
which no library has to be imported any more.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[2]
SECONDS = 300
MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """The answer for a key, and the MiB above the memory that was resident before.

    They are taken at the peak, and afterwards.
    """

    status: int
    body: str
    peak: float
    kept: float


def costs(folder: Path, keys: Iterable[str], *, in_flight: int = 0, warm: Iterable[str] = ()) -> dict[str, Cost]:
    """The cost of each key of a folder, all requested from one process, one after the other.

    The good keys come first and last.
    """
    asked = list(keys)
    command = [sys.executable, "-m", "adapters.bombs.asking", str(folder), str(in_flight), *(f"warm={key}" for key in warm), *asked]
    run = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(zip(asked, (Cost(**json.loads(line)) for line in run.stdout.splitlines()), strict=True))


def processes() -> list[Path]:
    """This process and its helpers in /proc."""
    from tiled_zarr.resources import default

    return [Path("/proc/self"), *(Path(f"/proc/{pid}") for pid in default().hdf5.pool.pids)]


def memory(field: str) -> float:
    """MiB of all processes; a process that has ended counts as none.

    VmHWM is the peak of the resident memory, VmRSS the memory that is resident now.
    """
    lines = [line for process in processes() for line in (process / "status").read_text().splitlines() if line.startswith(field)]
    return sum(int(line.split()[1]) for line in lines) / 1024


def main(folder: str, in_flight: str, *keys: str) -> None:
    from asgi import ask
    from tiled_zarr.adapters.directory import open_directory
    from tiled_zarr.app import create_app
    from tiled_zarr.settings import Settings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    limits = {"in_flight": int(in_flight)} if int(in_flight) else {}
    app = create_app(open_directory(Path(folder)), Settings(public=True, **limits))

    def answer(key: str) -> Any:
        node, _, chunk = key.partition("!")
        ask(app, f"/zarr/v3/{node}/zarr.json")
        return ask(app, f"/zarr/v3/{node}/{chunk}")

    def check_neighbours() -> list[bytes]:
        answers = [answer(key.removeprefix("warm=")) for key in keys if key.startswith("warm=")]
        assert {one.status for one in answers} <= {200}, [one.body[:200] for one in answers]
        return [one.body for one in answers]

    good = check_neighbours()
    for key in [key for key in keys if not key.startswith("warm=")]:
        for process in processes():
            (process / "clear_refs").write_text("5")  # VmHWM begins anew
        before = memory("VmRSS")
        found = answer(key)
        peak, kept = memory("VmHWM") - before, memory("VmRSS") - before
        body = "" if found.status == 200 else found.body.decode()
        print(json.dumps({"status": found.status, "body": body, "peak": round(peak, 1), "kept": round(kept, 1)}), flush=True)
    assert check_neighbours() == good


if __name__ == "__main__":
    main(*sys.argv[1:])
