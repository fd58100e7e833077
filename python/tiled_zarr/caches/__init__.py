"""The only memories of the package: what is kept to be given again, within bounds.

`cost` and `recent` keep values within a number of bytes: `cost` prefers what was dear to make,
`recent` what was used last. `forgetful` is for facts that cost a microsecond to find again, and
`resident` for mapped files, whose pages the system lends. `flight` lets all who want one value
at the same time wait for one making of it.

Why not functools: `lru_cache` counts entries and not bytes, makes a value twice when two threads
ask at once, says nothing of what it holds, and lives as long as its module, so that two
applications in one process would share it. It stays where none of this matters: on pure
functions of small values, always with a bound. A register (what is open, what hangs, what was
promised) is no cache: it cannot be made again, and lives and ends with its owner.
"""
