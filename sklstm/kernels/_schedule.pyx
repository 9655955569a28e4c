"""Which row of which array belongs to which time step: computed once per minibatch,
followed by every layer, forward and backward."""
import numpy as np


cdef class Schedule:
    """The order in which the row-steps of a batch are computed.

    Sequences are sorted by length, longest first, and cut into strips. A strip is
    computed by one thread from its first to its last time step; its row-steps are
    numbered step by step, and at every step the sequences still running are the first
    ones of the strip. Arrays over row-steps are therefore dense, with nothing for the
    steps that a shorter sequence does not have.

    States have one more row per sequence than there are row-steps, because the initial
    state has a place too: "the state before" is an index, not a special case.

    Parameters
    ----------
    starts : ndarray of shape (B,), intp
        Row of the first step of each sequence in the data.
    lengths : ndarray of shape (B,), intp
        Steps of each sequence.
    strip_rows : int, default=8
        Sequences in a strip, at the most.

    Attributes
    ----------
    n_sequences, n_steps : int
        B, and N, the sum of the lengths.
    strip_rows : int
        Sequences in the largest strip.
    order : ndarray of shape (B,)
        Sequence at each place of the sorted batch.
    first_row, first_step : ndarray of shape (n_strips + 1,)
        First sorted place and first row-step of each strip.
    running_at : ndarray of shape (n_strips + 1,)
        Where the counts of a strip begin in `running`.
    running : ndarray of shape (sum of the longest length of each strip,)
        Sequences that have step t, for every strip and t.
    data_rows : ndarray of shape (N,)
        Row of the data that each row-step reads.
    state_rows, before_rows : ndarray of shape (N,)
        Row of the state that each row-step writes, and of the one it reads.
    """

    def __init__(
        self,
        const Py_ssize_t[::1] starts,
        const Py_ssize_t[::1] lengths,
        Py_ssize_t strip_rows=8,
    ):
        cdef Py_ssize_t B = lengths.shape[0], n_strips = (B + strip_rows - 1) // strip_rows
        cdef Py_ssize_t N = 0, n_running = 0, i, rows
        cdef bint descending = True
        cdef Py_ssize_t[::1] order, first_row, first_step, running_at, running
        cdef Py_ssize_t[::1] data_rows, state_rows, before_rows
        for i in range(B):
            N += lengths[i]
            descending = descending and (i == 0 or lengths[i - 1] >= lengths[i])
        if descending:
            self.order = np.arange(B, dtype=np.intp)
        else:
            self.order = np.argsort(-np.asarray(lengths), kind="stable")
        order = self.order
        self.first_row = first_row = np.empty(n_strips + 1, dtype=np.intp)
        self.first_step = first_step = np.empty(n_strips + 1, dtype=np.intp)
        self.running_at = running_at = np.empty(n_strips + 1, dtype=np.intp)
        for i in range(n_strips + 1):
            first_row[i] = i * B // n_strips if n_strips else 0
            running_at[i] = n_running
            if i < n_strips:
                n_running += lengths[order[first_row[i]]]
        self.running = running = np.empty(n_running, dtype=np.intp)
        self.data_rows = data_rows = np.empty(N, dtype=np.intp)
        self.state_rows = state_rows = np.empty(N, dtype=np.intp)
        self.before_rows = before_rows = np.empty(N, dtype=np.intp)
        rows = (B + n_strips - 1) // n_strips if n_strips else 0
        self.n_sequences, self.n_steps, self.strip_rows = B, N, rows
        self.batch = Batch(
            address(order), address(first_row), address(first_step),
            address(running_at), address(running), address(before_rows),
            n_strips, rows, B, N,
        )
        _fill(
            starts, lengths, order, first_row, running_at, first_step, running,
            data_rows, state_rows, before_rows,
        )


cdef inline const Py_ssize_t* address(const Py_ssize_t[::1] a) noexcept:
    """The data of an array; an empty one has none to point at."""
    return &a[0] if a.shape[0] else NULL


cdef void _fill(
    const Py_ssize_t[::1] starts,       # IN (B,)
    const Py_ssize_t[::1] lengths,      # IN (B,)
    const Py_ssize_t[::1] order,        # IN (B,)
    const Py_ssize_t[::1] first_row,    # IN (n_strips + 1,)
    const Py_ssize_t[::1] running_at,   # IN (n_strips + 1,)
    Py_ssize_t[::1] first_step,         # OUT (n_strips + 1,)
    Py_ssize_t[::1] running,            # OUT (running_at[-1],)
    Py_ssize_t[::1] data_rows,          # OUT (N,)
    Py_ssize_t[::1] state_rows,         # OUT (N,)
    Py_ssize_t[::1] before_rows,        # OUT (N,)
) noexcept:
    cdef Py_ssize_t n_strips = first_row.shape[0] - 1
    cdef Py_ssize_t strip, r, t, m = 0, before, rows
    with nogil:
        for strip in range(n_strips):
            first_step[strip] = m
            rows = first_row[strip + 1] - first_row[strip]
            before = first_row[strip] + m
            for t in range(running_at[strip + 1] - running_at[strip]):
                while lengths[order[first_row[strip] + rows - 1]] <= t:
                    rows -= 1
                running[running_at[strip] + t] = rows
                for r in range(rows):
                    data_rows[m + r] = starts[order[first_row[strip] + r]] + t
                    state_rows[m + r] = first_row[strip + 1] + m + r
                    before_rows[m + r] = before + r
                before = first_row[strip + 1] + m
                m += rows
        first_step[n_strips] = m
