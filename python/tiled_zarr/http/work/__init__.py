"""Runs the work of requests: threads, deadlines, budgets, and clients that disconnect.

What happens to a chunk from the request to the reply (http/endpoint plans, this package encodes)::

    asked --+-- repeated ----------------------------------------------------------+
            |   an earlier GET had the same chunk, revision and body: same reply   |
            +-- peeked ------------------------------------------------------------+--> sent
            |   the body is in the cache, or the client has it (304)               |     ^
            |                                                                      |     |
            v                     small and in memory: the event loop encodes it   |     |
         planned ----------------------------------------------------> encoded     |     |
            | Compute, Block                                              |  ^      |     |
            v                                                             |  |      |     |
         queued --> taken ------------------------------------------------|--+      |     |
            |         |                                                   v               |
            |         |                              same revision as planned? -- yes --> kept
            |         |                                     | no (Changed)
            |         |                                     +--> planned again from the root, once;
            |         |                                          the second time 503, Retry-After: 1
            |         |
            |         +-- the read takes too long: 503 (TooSlow); another thread replaces this one;
            |         |   if this one still ends, the cache keeps what it made
            |         +-- client gone: nothing is sent; its thread finishes, the cache keeps it
            |
            +-- it waits too long: 503 (Busy)
            +-- its source holds too many threads that do not return: 503 (TooSlow)
            +-- client gone: it leaves the queue; nothing is encoded or sent

A request for a chunk that is queued for the native threads, or that any thread is encoding, waits
for that encoding. The cache never keeps a chunk without a revision, whose tag is a digest of its
body.
"""
