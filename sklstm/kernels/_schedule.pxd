"""What a schedule looks like from C: the kernels follow these pointers."""

cdef struct Batch:
    const Py_ssize_t* order       # (B,) sequence at each sorted place
    const Py_ssize_t* first_row   # (n_strips + 1,) first sorted place of a strip
    const Py_ssize_t* first_step  # (n_strips + 1,) first row-step of a strip
    const Py_ssize_t* running_at  # (n_strips + 1,) where the strip's counts begin
    const Py_ssize_t* running     # sequences that have step t
    const Py_ssize_t* before_rows  # (N,) row of the state that a row-step reads
    Py_ssize_t n_strips
    Py_ssize_t strip_rows
    Py_ssize_t B
    Py_ssize_t N


cdef class Schedule:
    cdef Batch batch
    cdef readonly Py_ssize_t n_sequences, n_steps, strip_rows
    cdef readonly object order, first_row, first_step, running_at, running
    cdef readonly object data_rows, state_rows, before_rows
