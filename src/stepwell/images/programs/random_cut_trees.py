"""Room images, inside the container: random cut trees. In: samples of points. Out: trees as arrays; anomaly scores.

A tree cuts its bounding box at a place drawn evenly from all of the box's sides laid end to end, and each half again,
down to single points (Guha, Mishra, Roy and Schrijvers, "Robust random cut forest based anomaly detection on
streams", ICML 2016). The score of a point is what it would change: were it in the sample, the cut that parts it from
the others would come, at a node whose box it lies outside of, with a probability that is the part of the sides it
adds. The earlier, the more unusual: a cut at depth d counts 1 / (d + 1), and the mean over all trees is scaled by the
logarithm of the sample size, so that forests of different sizes can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .contract import package


def grow(samples: Any, dice: Any) -> dict[str, Any]:
    """A tree for every sample. A node has a left child, a right child, a dimension and a cut; a leaf has as its left
    child -1 - the number of its point, and how many points lie there."""
    numpy = package("numpy")
    trees, size, _ = samples.shape
    shape = (trees, max(1, 2 * size - 1))
    forest = {
        "left": numpy.zeros(shape, dtype="int32"),
        "right": numpy.zeros(shape, dtype="int32"),
        "dimension": numpy.zeros(shape, dtype="int32"),
        "cut": numpy.zeros(shape),
        "mass": numpy.zeros(shape, dtype="int32"),
        "nodes": numpy.zeros(trees, dtype="int32"),
        "samples": samples.astype("float32").astype("float64"),
    }
    for tree in range(trees):
        forest["nodes"][tree] = _grow_one(forest, tree, dice)
    forest["samples"] = forest["samples"].astype("float32")
    return forest


def _grow_one(forest: Mapping[str, Any], tree: int, dice: Any) -> int:
    """Fill in one tree, children after their parents. Answers how many nodes it has."""
    numpy = package("numpy")
    points = forest["samples"][tree]
    waiting = [(0, numpy.arange(len(points)))]
    used = 1
    while waiting:
        node, members = waiting.pop()
        forest["mass"][tree, node] = len(members)
        low, high = points[members].min(axis=0), points[members].max(axis=0)
        sides = high - low
        total = sides.sum()
        if total <= 0:
            forest["left"][tree, node] = -1 - members[0]
            continue
        place = dice.uniform(0, total)
        ends = sides.cumsum()
        dimension = min(int(numpy.searchsorted(ends, place, side="right")), len(sides) - 1)
        cut = low[dimension] + place - (ends[dimension] - sides[dimension])
        goes_left = points[members, dimension] <= cut
        if goes_left.all() or not goes_left.any():
            cut, goes_left = low[dimension], points[members, dimension] <= low[dimension]
        if goes_left.all():
            dimension = int(sides.argmax())
            cut = low[dimension]
            goes_left = points[members, dimension] <= cut
        forest["dimension"][tree, node], forest["cut"][tree, node] = dimension, cut
        forest["left"][tree, node], forest["right"][tree, node] = used, used + 1
        waiting += [(used, members[goes_left]), (used + 1, members[~goes_left])]
        used += 2
    return used


def scores(forest: Mapping[str, Any], rows: Any) -> Any:
    """The anomaly score of every row: the mean over all trees."""
    numpy = package("numpy")
    trees, size = forest["samples"].shape[:2]
    total = numpy.zeros(len(rows))
    for tree in range(trees):
        total += _scores_of(forest, tree, rows)
    return total / trees * numpy.log2(size + 1)


def _scores_of(forest: Mapping[str, Any], tree: int, rows: Any) -> Any:
    numpy = package("numpy")
    low, high = _boxes(forest, tree)
    left, right = forest["left"][tree], forest["right"][tree]
    found = numpy.zeros(len(rows))
    # (node, depth, rows that come here, the probability that none of the cuts above parted them)
    waiting = [(0, 0, numpy.arange(len(rows)), numpy.ones(len(rows)))]
    while waiting:
        node, depth, members, chance = waiting.pop()
        points = rows[members]
        outside = numpy.maximum(low[node] - points, 0) + numpy.maximum(points - high[node], 0)
        added = outside.sum(axis=1)
        sides = (high[node] - low[node]).sum()
        parted = numpy.divide(added, added + sides, out=numpy.zeros(len(members)), where=added + sides > 0)
        found[members] += chance * parted / (depth + 1)
        chance = chance * (1 - parted)
        if left[node] < 0:
            # The point lies where a leaf is: nothing changes but that leaf's mass.
            found[members] += chance / (depth + numpy.log2(forest["mass"][tree, node] + 1) + 1)
            continue
        going = chance > 0
        goes_left = points[:, forest["dimension"][tree, node]] <= forest["cut"][tree, node]
        for child, takes in ((left[node], goes_left & going), (right[node], ~goes_left & going)):
            if takes.any():
                waiting.append((int(child), depth + 1, members[takes], chance[takes]))
    return found


def _boxes(forest: Mapping[str, Any], tree: int) -> tuple[Any, Any]:
    """The bounding boxes of all nodes; children stand after their parents, so they are known first from the end."""
    numpy = package("numpy")
    nodes, points = int(forest["nodes"][tree]), forest["samples"][tree].astype("float64")
    left, right = forest["left"][tree], forest["right"][tree]
    low = numpy.empty((nodes, points.shape[1]))
    high = numpy.empty_like(low)
    for node in range(nodes - 1, -1, -1):
        if left[node] < 0:
            low[node] = high[node] = points[-1 - left[node]]
        else:
            low[node] = numpy.minimum(low[left[node]], low[right[node]])
            high[node] = numpy.maximum(high[left[node]], high[right[node]])
    return low, high
