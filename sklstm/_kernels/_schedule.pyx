"""Which row of which array belongs to which time step: computed once per minibatch,
followed by every layer, forward and backward."""
import numpy as np

from libc.stdint cimport PTRDIFF_MAX

# Its arrays have up to four elements for each step.
cdef Py_ssize_t MOST_STEPS = PTRDIFF_MAX // (8 * sizeof(Py_ssize_t))


cdef class Schedule:
    """The order in which the row-steps of a batch are computed.

    Sequences are sorted by length, longest first, and cut into strips, full ones first and
    the rest in the last, because strips of 7 rows cost a quarter more for a row-step than
    strips of 8 (which are two tiles of 4; H = 32). A strip is
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
    n_rows : int
        Rows of the data. A ValueError names the first sequence that has rows which the
        data do not have.

    Attributes
    ----------
    n_sequences, n_steps, n_strips, longest : int
        B, N, the sum of the lengths, the number of strips, and the largest length.
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
    sequence, time : ndarray of shape (N,)
        Sequence and time step of each row-step.
    mirror : ndarray of shape (N,)
        The row-step of the same sequence that is as far from its end as this one from
        its beginning: what a layer that reads backwards has in place of each row-step.
    """

    # There is no schedule before this one was computed, nor another one after it.
    def __cinit__(
        self,
        const Py_ssize_t[::1] starts,
        const Py_ssize_t[::1] lengths,
        Py_ssize_t strip_rows=8,
        *,
        Py_ssize_t n_rows,
    ):
        cdef Batch* batch = &self.batch
        cdef Py_ssize_t B = lengths.shape[0], n_strips
        cdef Py_ssize_t i, N = 0, n_running = 0
        cdef bint descending = True
        cdef Py_ssize_t[::1] plan, rows
        cdef const Py_ssize_t[::1] sorted_places
        if starts.shape[0] != B or strip_rows < 1 or n_rows < 0:
            raise ValueError(
                "starts, lengths, strip_rows and n_rows do not belong together."
            )
        strip_rows = min(strip_rows, max(B, <Py_ssize_t>1))
        n_strips = (B + strip_rows - 1) // strip_rows
        for i in range(B):
            # A difference, because a sum may overflow.
            if not 0 <= lengths[i] <= n_rows or (
                lengths[i] and not 0 <= starts[i] <= n_rows - lengths[i]
            ):
                raise ValueError(
                    f"Sequence {i} has {lengths[i]} steps from row {starts[i]} on, but "
                    f"the data have {n_rows} rows."
                )
            if lengths[i] > MOST_STEPS - N:
                raise ValueError("The lengths sum up to more than a schedule holds.")
            N += lengths[i]
            descending = descending and (i == 0 or lengths[i - 1] >= lengths[i])
        self.plan = plan = np.empty(B + 3 * (n_strips + 1), dtype=np.intp)
        batch.B, batch.N, batch.n_strips = B, N, n_strips
        batch.strip_rows = min(B, strip_rows)
        batch.order = &plan[0]
        batch.first_row = batch.order + B
        batch.first_step = batch.first_row + n_strips + 1
        batch.running_at = batch.first_step + n_strips + 1
        if descending:
            for i in range(B):
                batch.order[i] = i
        else:
            sorted_places = np.argsort(-np.asarray(lengths), kind="stable")
            for i in range(B):
                batch.order[i] = sorted_places[i]
        for i in range(n_strips + 1):
            batch.first_row[i] = min(i * strip_rows, B)
            batch.running_at[i] = n_running
            if i < n_strips:
                n_running += lengths[batch.order[batch.first_row[i]]]
        self.rows = rows = np.empty(3 * N + n_running + 1, dtype=np.intp)
        batch.data_rows = &rows[0]
        batch.state_rows = batch.data_rows + N
        batch.before_rows = batch.state_rows + N
        batch.running = batch.before_rows + N
        batch.first_step[0] = 0
        if B:
            _fill(&starts[0], &lengths[0], batch)

    @property
    def n_sequences(self):
        return self.batch.B

    @property
    def n_steps(self):
        return self.batch.N

    @property
    def n_strips(self):
        return self.batch.n_strips

    @property
    def longest(self):
        return self.batch.running_at[1] if self.batch.n_strips else 0

    @property
    def strip_rows(self):
        return self.batch.strip_rows

    @property
    def order(self):
        return _read_only(self.plan[: self.batch.B])

    @property
    def first_row(self):
        return self._per_strip(0)

    @property
    def first_step(self):
        return self._per_strip(1)

    @property
    def running_at(self):
        return self._per_strip(2)

    def _per_strip(self, k):
        begin = self.batch.B + k * (self.batch.n_strips + 1)
        return _read_only(self.plan[begin : begin + self.batch.n_strips + 1])

    @property
    def data_rows(self):
        return _read_only(self.rows[: self.batch.N])

    @property
    def state_rows(self):
        return _read_only(self.rows[self.batch.N : 2 * self.batch.N])

    @property
    def before_rows(self):
        return _read_only(self.rows[2 * self.batch.N : 3 * self.batch.N])

    @property
    def running(self):
        return _read_only(self.rows[3 * self.batch.N : len(self.rows) - 1])

    @property
    def sequence(self):
        return self._walk()[0]

    @property
    def time(self):
        return self._walk()[1]

    @property
    def mirror(self):
        return self._walk()[2]

    def _walk(self):
        """Sequence, time and mirror of each row-step, computed where they are needed."""
        if self.walked is None:
            walked = np.empty((3, self.batch.N), dtype=np.intp)
            _fill_walk(&self.batch, walked)
            walked.flags.writeable = False
            self.walked = walked
        return self.walked


cdef _read_only(array):
    """What the kernels follow is shown, but not to be written to."""
    array.setflags(write=False)
    return array


cdef void _fill(
    const Py_ssize_t* starts,   # IN (B,)
    const Py_ssize_t* lengths,  # IN (B,)
    Batch* batch,
) noexcept:
    cdef Py_ssize_t strip, r, t, m = 0, before, after, rows
    cdef const Py_ssize_t* order
    for strip in range(batch.n_strips):
        batch.first_step[strip] = m
        order = batch.order + batch.first_row[strip]
        rows = batch.first_row[strip + 1] - batch.first_row[strip]
        before = batch.first_row[strip] + m
        for t in range(batch.running_at[strip + 1] - batch.running_at[strip]):
            while lengths[order[rows - 1]] <= t:
                rows -= 1
            batch.running[batch.running_at[strip] + t] = rows
            after = batch.first_row[strip + 1] + m
            for r in range(rows):
                batch.data_rows[m + r] = starts[order[r]] + t
                batch.state_rows[m + r] = after + r
                batch.before_rows[m + r] = before + r
            before = after
            m += rows
    batch.first_step[batch.n_strips] = m


cdef void _fill_walk(const Batch* batch, Py_ssize_t[:, ::1] walked) noexcept:
    cdef Py_ssize_t strip, t, back, r, m, last, T, begin = 0
    cdef const Py_ssize_t* running
    for strip in range(batch.n_strips):
        T = batch.running_at[strip + 1] - batch.running_at[strip]
        running = batch.running + batch.running_at[strip]
        for t in range(T):
            for r in range(running[t]):
                walked[0, begin + r] = batch.order[batch.first_row[strip] + r]
                walked[1, begin + r] = t
            begin += running[t]
        for r in range(running[0] if T else 0):
            # to the last step of this row, and then towards each other
            m = last = batch.first_step[strip] + r
            t, back = 0, 0
            while back + 1 < T and running[back + 1] > r:
                last += running[back]
                back += 1
            while t <= back:
                walked[2, m] = last
                walked[2, last] = m
                m += running[t]
                t += 1
                back -= 1
                if back >= 0:
                    last -= running[back]
