"""Gradients of the tables of an embedding: a sum of rows for each id of a batch."""
from cython.parallel cimport prange

ctypedef fused real:
    float
    double


def add_rows(
    const real[:, ::1] d_y,        # IN (N, ldy) by row-step
    Py_ssize_t column,             # of d_y, the first that is the table's
    const Py_ssize_t[::1] order,   # IN (N,) row-steps, those of one id together
    const Py_ssize_t[::1] begins,  # IN (n,) where in `order` those of each id begin
    const Py_ssize_t[::1] ids,     # IN (n,) rows of the table, each once
    real[:, ::1] d_table,          # IN/OUT (V, E), +=
    int n_threads=1,
):
    """Add to row ids[k] its row-steps in their order: one chain, in one thread."""
    cdef Py_ssize_t N = order.shape[0], n = ids.shape[0], E = d_table.shape[1], k
    if begins.shape[0] != n or column < 0 or column > d_y.shape[1] - E:
        raise ValueError("d_y, column, begins, ids and d_table do not belong together.")
    for k in range(N):
        if not 0 <= order[k] < d_y.shape[0]:
            raise ValueError(f"order[{k}] is {order[k]}, of {d_y.shape[0]} row-steps.")
    for k in range(n):
        if not 0 <= ids[k] < d_table.shape[0]:
            raise ValueError(f"ids[{k}] is {ids[k]}, of {d_table.shape[0]} rows.")
        if not 0 <= begins[k] <= (begins[k + 1] if k + 1 < n else N):
            raise ValueError(f"begins[{k}] is {begins[k]}: they must rise up to {N}.")
        if k and ids[k] <= ids[k - 1]:
            raise ValueError(f"ids[{k}] is {ids[k]}: they must rise.")
    if n == 0 or N == 0 or E == 0:
        return
    for k in prange(n, nogil=True, schedule="guided", num_threads=n_threads):
        add_row(
            &d_y[0, column], d_y.shape[1], &order[0], begins[k],
            begins[k + 1] if k + 1 < n else N, E, &d_table[ids[k], 0],
        )


cdef void add_row(
    const real* d_y, Py_ssize_t ldy, const Py_ssize_t* order, Py_ssize_t begin,
    Py_ssize_t end, Py_ssize_t E, real* total,
) noexcept nogil:
    cdef Py_ssize_t i, e
    cdef const real* row
    for i in range(begin, end):
        row = d_y + order[i] * ldy
        for e in range(E):
            total[e] += row[e]
