"""For every format: arrays that zarr-python holds open while their file is damaged.

A file is cut, emptied, replaced, deleted or loses a bit. Each chunk that is read afterwards raises,
or equals what was there before, or what the format's own library reads now. The seed decides which
files are damaged and how. `python -m adapters.damage.sweep 100` in the folder tests/ does every
damage, with 100 bits per file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.damage.damages import WHOLE
from adapters.damage.held import Tally
from adapters.damage.sources import SOURCES
from adapters.damage.sweep import MODES, sweep

BITS = 3
MOST = len(WHOLE) + BITS


pytestmark = [pytest.mark.slow, pytest.mark.unmeasured, pytest.mark.usefixtures("quiet")]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SOURCES)
def test_damage_is_never_made_up_data(tmp_path: Path, name: str, mode: str) -> None:
    folder, tally = tmp_path / "data", Tally()
    folder.mkdir()
    wrong = {damage: reasons for damage, reasons in sweep(SOURCES[name], folder, BITS, MOST, mode=mode, tally=tally) if reasons}
    assert wrong == {}
    assert tally.raised > 0
