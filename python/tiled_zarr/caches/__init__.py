"""All caches of the package, each with a bound.

`cost` and `recent` keep values within a number of bytes: `cost` prefers values that took long to
make, `recent` those used last. `forgetful` is for facts that take a microsecond to find again.
`allowance` bounds the number of values in many dicts together.
`resident` is for mapped files, whose pages the operating system can take back. `flight` lets all
threads that want a value at the same time wait for the one that makes it.

Why not functools: `lru_cache` counts entries instead of bytes, makes a value twice if two threads
ask at once, does not list what it holds, and lives as long as its module, so two applications in
one process would share it. We use it when none of this matters: for pure functions that return
small values, always with a bound. A register (of what is open, hangs, or was promised) is not a
cache: it cannot be made again, and it lives and ends with its owner.
"""
