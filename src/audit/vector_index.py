"""Looks the nearest of unit vectors up: among all of them, or in inverted lists (FAISS).

An index holds each picture in both upright forms: one look-up then finds its copies and the mirrored
ones. Numbers of pictures in the second form follow those in the first.
"""

import faiss
import numpy as np

PER_LIST = 64  # pictures in an inverted list
MAX_LISTS = 1024
N_PROBE = 6  # inverted lists that a query visits
MAX_SAMPLE_PER_LIST = 64  # vectors by which the lists are chosen
PER_QUERY = 12  # nearest pictures of each view in each form
MIN_CORR = 0.5  # correlation of vectors below which a view shows no copy

Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # numbers of queries, of matches, similarities


class Everything:
    """Unit vectors of pictures in two forms, (N, D) float32 each, all compared with a query."""

    def __init__(self, vectors: np.ndarray, of_second_form: np.ndarray):
        self._forms = vectors, of_second_form

    def search(self, queries: np.ndarray) -> Found:
        """Return the PER_QUERY nearest in each form of each query, (Q, D) float32, from MIN_CORR on."""
        first, second = (self._search(queries, vectors) for vectors in self._forms)
        numbers = np.concatenate([first[1], second[1] + len(self._forms[0])])
        return np.append(first[0], second[0]), numbers, np.append(first[2], second[2])

    def _search(self, queries: np.ndarray, vectors: np.ndarray) -> Found:
        similarities = queries @ vectors.T
        is_near = similarities >= MIN_CORR
        crowded = np.flatnonzero(np.count_nonzero(is_near, axis=1) > PER_QUERY)
        if len(crowded):
            near = similarities[crowded]
            is_near[crowded] = near >= np.partition(near, -PER_QUERY, axis=1)[:, -PER_QUERY, None]
        # in one dimension it takes a fifth of the time
        rows, matches = np.divmod(np.flatnonzero(is_near), is_near.shape[1])
        return rows, matches, similarities[rows, matches]


class Lists:
    """Unit vectors of pictures in two forms, (N, D) float32 each, in inverted lists.

    A query visits the nearest lists.
    """

    def __init__(self, vectors: np.ndarray, of_second_form: np.ndarray):
        vectors = np.concatenate([vectors, of_second_form])
        lists = int(np.clip(len(vectors) // PER_LIST, 1, MAX_LISTS))
        self._index = faiss.index_factory(
            vectors.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT
        )
        inverted_lists = faiss.extract_index_ivf(self._index)
        inverted_lists.nprobe = N_PROBE
        inverted_lists.cp.max_points_per_centroid = MAX_SAMPLE_PER_LIST
        self._index.train(vectors)
        self._index.add(vectors)

    def search(self, queries: np.ndarray) -> Found:
        """Return the nearest of each query, (Q, D) float32, as many as of `Everything`."""
        faiss.omp_set_num_threads(1)  # of this thread: other queries are searched in others
        similarities, matches = self._index.search(queries, 2 * PER_QUERY)
        rows, ranks = np.nonzero((matches >= 0) & (similarities >= MIN_CORR))
        return rows, matches[rows, ranks], similarities[rows, ranks]
