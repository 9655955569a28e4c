"""Rows of a strip: a member of a team copies and multiplies its own columns of them."""

cdef enum:
    MOST_PASSES = 2  # side by side, the directions of a layer


cdef struct Columns:
    # of rows of `units` those that a member of a team computes
    Py_ssize_t units
    Py_ssize_t begin
    Py_ssize_t end


cdef inline void multiply(
    const Columns* own, Py_ssize_t rows, const real* a, const real* b,
    const Py_ssize_t* order, real* out,
) noexcept nogil:
    """Rows of a times those rows of b that `order` names."""
    cdef Py_ssize_t r, i
    for r in range(rows):
        for i in range(own.begin, own.end):
            out[r * own.units + i] = a[r * own.units + i] * b[order[r] * own.units + i]


cdef inline void copy_row(
    const Columns* own, const real* source, Py_ssize_t source_row, real* target,
    Py_ssize_t row,
) noexcept nogil:
    """NULL stands for zeros."""
    cdef Py_ssize_t n = (own.end - own.begin) * sizeof(real)
    target = target + row * own.units + own.begin
    if source == NULL:
        memset(target, 0, n)
    else:
        memcpy(target, source + source_row * own.units + own.begin, n)


cdef inline void copy_rows(
    const Columns* own, const real* source, const Py_ssize_t* order, Py_ssize_t rows,
    real* target,
) noexcept nogil:
    """Rows of a strip from where they lie by sequence."""
    cdef Py_ssize_t r
    for r in range(rows):
        copy_row(own, source, order[r], target, r)


cdef real* written(name, a, Py_ssize_t rows, Py_ssize_t columns) except? NULL:
    """Where an array of this shape begins; NULL for None and for an empty one."""
    cdef real[:, ::1] view = a
    check_shape(name, view, rows, columns)
    return data(view)


cdef const real* read(name, a, Py_ssize_t rows, Py_ssize_t columns) except? NULL:
    cdef const real[:, ::1] view = a
    check_shape(name, view, rows, columns)
    return const_data(view)
