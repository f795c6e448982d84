"""Finds the nearest unit vectors: among all of them, or in the lists of the nearest centroids.

An index holds each picture in both upright forms: one look-up then finds its copies and the mirrored
ones. Numbers of pictures in the second form follow those in the first.
"""

from typing import NamedTuple

import numpy as np

from src.vision.compiled import compiled

PER_LIST = 64  # pictures in a list
MAX_LISTS = 512
MAX_SAMPLE_PER_LIST = 64  # vectors from which the centroids are computed
ROUNDS = 10  # of that computation
N_PROBE = 6  # lists that a query visits
PER_QUERY = 12  # nearest pictures of each view in each form
MIN_CORR = 0.5  # correlation of vectors below which a view shows no copy


class Neighbours(NamedTuple):
    """Near vectors of queries, F in all.

    Attributes:
        queries: Their numbers, (F,) int64.
        matches: The numbers of the vectors, (F,) int64.
        similarities: (F,) float32.
    """

    queries: np.ndarray
    matches: np.ndarray
    similarities: np.ndarray


class Everything:
    """An exact index: unit vectors in two forms, (N, D) float32 each, all compared with a query."""

    def __init__(self, vectors: np.ndarray, second_form: np.ndarray):
        self._forms = vectors, second_form

    def search(self, queries: np.ndarray) -> Neighbours:
        """Return the PER_QUERY nearest in each form of each query, from MIN_CORR on.

        Args:
            queries: Some views of Q pictures, (views, Q, D) float32; numbered view by view.
        """
        views, count, _ = queries.shape
        neighbours = [
            self._search(queries[view], view * count, form)
            for view in range(views)
            for form in (0, 1)
        ]
        return Neighbours(*map(np.concatenate, zip(*neighbours, strict=True)))

    def _search(self, queries: np.ndarray, first: int, form: int) -> Neighbours:
        similarities = queries @ self._forms[form].T
        is_near = similarities >= MIN_CORR
        crowded = np.flatnonzero(np.count_nonzero(is_near, axis=1) > PER_QUERY)
        if len(crowded):
            near = similarities[crowded]
            is_near[crowded] = near >= np.partition(near, -PER_QUERY, axis=1)[:, -PER_QUERY, None]
        # in one dimension it takes a fifth of the time
        rows, matches = np.divmod(np.flatnonzero(is_near), is_near.shape[1])
        return Neighbours(
            rows + first, matches + form * len(self._forms[0]), similarities[rows, matches]
        )


class Lists:
    """An index of inverted lists: unit vectors in two forms, (N, D) float32, by nearest centroid.

    A query visits the nearest lists. All queries that visit a list are compared with it at once,
    which takes a quarter of the time of one query after the other.
    """

    def __init__(self, vectors: np.ndarray, second_form: np.ndarray):
        import faiss  # which a small set does without

        vectors = np.concatenate([vectors, second_form])
        count = int(np.clip(len(vectors) // PER_LIST, 1, MAX_LISTS))
        clusters = faiss.Kmeans(
            vectors.shape[1],
            count,
            niter=ROUNDS,
            spherical=True,
            max_points_per_centroid=MAX_SAMPLE_PER_LIST,
            min_points_per_centroid=1,
        )
        clusters.train(vectors)
        self._centroids = clusters.index
        self._n_probe = min(N_PROBE, count)
        lists = self._centroids.search(vectors, 1)[1].ravel()
        self._numbers = np.argsort(lists, kind="stable")
        self._vectors = vectors[self._numbers]
        self._edges = np.searchsorted(lists[self._numbers], np.arange(count + 1))

    def search(self, queries: np.ndarray) -> Neighbours:
        """Return the nearest of each query, as many as `Everything` returns.

        Args:
            queries: Some views of Q pictures, (views, Q, D) float32; numbered view by view.
        """
        import faiss

        faiss.omp_set_num_threads(1)  # of this thread: other queries are searched in others
        queries = queries.reshape(-1, queries.shape[-1])
        lists = self._centroids.search(queries, self._n_probe)[1].ravel()
        order = np.argsort(lists, kind="stable")
        visitors = order // self._n_probe
        edges = np.searchsorted(lists[order], np.arange(len(self._edges)))
        least = np.nextafter(np.float32(MIN_CORR), np.float32(0))
        similarities = np.full((len(queries), 2 * PER_QUERY), least)
        matches = np.full(similarities.shape, -1)
        for number in np.flatnonzero(np.diff(edges)).tolist():
            visiting = visitors[edges[number] : edges[number + 1]]
            members = slice(self._edges[number], self._edges[number + 1])
            values = queries[visiting] @ self._vectors[members].T
            _insert(values, visiting, self._numbers[members], similarities, matches)
        rows, ranks = np.nonzero(matches >= 0)
        return Neighbours(rows, matches[rows, ranks], similarities[rows, ranks])


@compiled
def _insert(
    values: np.ndarray,
    queries: np.ndarray,
    numbers: np.ndarray,
    similarities: np.ndarray,
    matches: np.ndarray,
) -> None:
    """Insert the most similar vectors of a list into those found before.

    Args:
        values: Similarities of the queries and the list's vectors, (V, M) float32.
        queries: The numbers of the queries, (V,).
        numbers: The numbers of the vectors, (M,).
        similarities: The greatest ones of each query, descending, (Q, K) float32; changed.
        matches: Their vectors' numbers, (Q, K); changed.
    """
    last = similarities.shape[1] - 1
    for i in range(len(queries)):
        query = queries[i]
        for j in range(len(numbers)):
            value = values[i, j]
            if value <= similarities[query, last]:
                continue
            rank = last
            while rank > 0 and similarities[query, rank - 1] < value:
                similarities[query, rank] = similarities[query, rank - 1]
                matches[query, rank] = matches[query, rank - 1]
                rank -= 1
            similarities[query, rank] = value
            matches[query, rank] = numbers[j]
