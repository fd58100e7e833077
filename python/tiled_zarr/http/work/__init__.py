"""The one place that knows threads, deadlines, budgets and clients that have gone.

A chunk's life, from the request to the reply (http/endpoint plans it, this folder makes it)::

    asked --+-- repeated ----------------------------------------------------------+
            |   the reply of an earlier GET: chunk, revision and body are the same |
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
            |         |                                          then 503, ask again in a second
            |         |
            |         +-- deadline of the read: 503 (TooSlow); the thread is given up, another takes
            |         |   its place, and what it makes after all is kept
            |         +-- client gone: nothing is sent; what was begun goes on and is kept
            |
            +-- deadline of the queue: 503 (Busy)
            +-- the source is closed, since it holds too many threads: 503 (TooSlow)
            +-- client gone: it leaves the queue, nothing is begun or sent

Who asks for a chunk that is queued, taken or being encoded joins those who wait for it. A chunk
without a revision is never kept, and its tag is made of its body.
"""
