from tiled_zarr.caches.forgetful import Forgetful
from tiled_zarr.caches.resident import Resident


def test_all_is_forgotten_when_one_more_comes() -> None:
    kept: Forgetful[int, str] = Forgetful(3)
    for number in range(3):
        kept[number] = str(number)
    kept[0] = "again"
    assert kept == {0: "again", 1: "1", 2: "2"}
    kept[3] = "3"
    assert (kept, kept.get(0)) == ({3: "3"}, None)


class Pages:
    def __init__(self) -> None:
        self.released = 0

    def release(self) -> None:
        self.released += 1


def test_pages_go_when_more_are_looked_at_than_may_stay() -> None:
    resident: Resident[str, Pages] = Resident(100, 2)
    first, second, third = Pages(), Pages(), Pages()
    for name, pages in (("first", first), ("second", second), ("third", third)):
        resident.kept.keep(name, pages)
    resident.touch(60)
    resident.touch(40)
    assert (resident.total, second.released) == (100, 0)
    resident.touch(1)
    assert (resident.total, first.released, second.released, third.released) == (1, 0, 1, 1)
