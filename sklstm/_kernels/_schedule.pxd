"""What a schedule looks like from C: the kernels follow these pointers."""

cdef struct Batch:
    Py_ssize_t B
    Py_ssize_t N
    Py_ssize_t n_strips
    Py_ssize_t strip_rows
    Py_ssize_t* order        # (B,) sequence at each sorted place
    Py_ssize_t* first_row    # (n_strips + 1,) first sorted place of a strip
    Py_ssize_t* first_step   # (n_strips + 1,) first row-step of a strip
    Py_ssize_t* running_at   # (n_strips + 1,) where the strip's counts begin
    Py_ssize_t* running      # sequences that have step t
    Py_ssize_t* data_rows    # (N,) row of the data that a row-step reads
    Py_ssize_t* state_rows   # (N,) row of the state that a row-step writes
    Py_ssize_t* before_rows  # (N,) row of the state that a row-step reads


cdef class Schedule:
    cdef Batch batch
    cdef object plan, rows  # the memory behind the pointers
    cdef object walked      # sequence, time and mirror, once they were asked for
