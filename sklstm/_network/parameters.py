"""One flat vector for all parameters of a network: names, shapes, slices.

Gradients and the moments of an optimizer are vectors of the same layout, so that a step
of Adam, clipping, weight decay or keeping the best weights is a loop over one array.
"""

import math
from itertools import accumulate
from typing import NamedTuple


class Layout:
    """Where each named parameter of these shapes lies in the flat vector."""

    def __init__(self, shapes):
        self.shapes = shapes
        sizes = [math.prod(shape) for shape in shapes.values()]
        # Python's integers, which do not overflow
        self.slices = {
            name: slice(stop - size, stop)
            for name, size, stop in zip(shapes, sizes, accumulate(sizes), strict=True)
        }
        self.size = sum(sizes)

    def view(self, vector, name):
        """The parameter `name` of a flat vector, as a view in its shape."""
        return vector[self.slices[name]].reshape(self.shapes[name])


class Touched(NamedTuple):
    """Places in a flat vector that begins with tables, of which few rows matter."""

    dense: slice  # behind the tables
    tables: list  # of each its slice, the width of a row, and rows (n,), each once

    def of(self, vector):
        """The dense part, a view, and of each table the rows, as contiguous vectors."""
        rows = [
            vector[place].reshape(-1, width).take(rows, axis=0).ravel()
            for place, width, rows in self.tables
        ]
        return [vector[self.dense], *rows]

    def put(self, vector, parts):
        """Write rows back that were changed in what `of` has given."""
        for (place, width, rows), part in zip(self.tables, parts[1:], strict=True):
            vector[place].reshape(-1, width)[rows] = part.reshape(-1, width)
