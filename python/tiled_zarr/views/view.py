"""A view is a function from a tree to a tree: it shows the same data in another way.

OME-NGFF's images (`ome`) are one, options for some paths (`views/options`) another. A subtree for
one key, a codec chosen in the path and a frozen revision are views too. Three rules make them cheap
to put on top of each other, and safe:

1. A view opens nothing. It returns a root at once, and shows a child when it is asked for
   (`views/mirror` does so).
2. The same node is shown as the same node. What is known of a place (its recipe, its documents)
   hangs on the node there, so a view that made nodes anew would make all of it anew.
3. An array whose bytes a view changes has a revision of its own. The cache of encoded chunks is
   shared by all views, and knows a chunk by its format, key, revision and recipe alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TypeAlias

from ..nodes import Group

View: TypeAlias = Callable[[Group], Group]


def same(root: Group) -> Group:
    """The tree as it is."""
    return root


def composed(*views: View) -> View:
    """The view that shows a tree through all of these, the first one nearest to the source.

    Without any, it shows the tree as it is.
    """
    return lambda root: reduce(lambda shown, view: view(shown), views, root)
