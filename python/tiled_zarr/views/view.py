"""A view is a function from a tree to a tree: it shows the same data in another way.

OME-NGFF's images (`ome`) are one view, options for some paths (`views/options`) are another. A
subtree for one key, a codec chosen in the path and a frozen revision are views too. Three rules
make it cheap and safe to combine them:

1. A view opens nothing. It returns a root at once, and shows a child when the child is looked up
   (`views/mirror` does so).
2. A view shows the same node as the same node. Everything derived from a node (its recipe, its
   documents) is kept for that object, so a view that returned new nodes would cause all of it to be
   derived again.
3. An array whose bytes a view changes has its own revision. All views share the cache of encoded
   chunks, which identifies a chunk only by its format, key, revision and recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TypeAlias

from ..nodes import Group

View: TypeAlias = Callable[[Group], Group]


def same(root: Group) -> Group:
    """The tree unchanged."""
    return root


def composed(*views: View) -> View:
    """The view that applies all of these in turn; the first is nearest to the source.

    Without any, it shows the tree unchanged.
    """
    return lambda root: reduce(lambda shown, view: view(shown), views, root)
