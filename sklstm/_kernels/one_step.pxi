"""One time step of n sequences side by side, as streams take it: no schedule, no strips.

A step of a small network is less arithmetic than it takes to make memoryviews of its
arrays; so its doors take them as plain buffers, each for a third of that.
"""
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.stdlib cimport free, malloc

cdef enum:
    # Rows that share a pass over the packed weights.
    STEP_ROWS = 64

cdef char real_code = b"f" if sizeof(real) == sizeof(float) else b"d"


# ---- arrays as buffers ---------------------------------------------------------------


cdef struct Buffers:
    int n
    Py_buffer[6] taken


cdef Py_buffer* take(
    Buffers* buffers, name, a, int ndim, char code, int flags
) except NULL:
    """The buffer of an array of numbers of a type, until all are released."""
    cdef Py_buffer* buffer = &buffers.taken[buffers.n]
    PyObject_GetBuffer(a, buffer, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | flags)
    buffers.n += 1
    if buffer.ndim != ndim or not is_of(buffer.format, code):
        raise ValueError(
            f"{name} has {buffer.ndim} dimension(s) of type {buffer.format.decode()}, "
            f"the kernel needs {ndim} of {chr(code)}."
        )
    return buffer


cdef real* take_matrix(
    Buffers* buffers, name, a, Py_ssize_t rows, Py_ssize_t columns, int flags
) except? NULL:
    """The numbers of a matrix of this shape."""
    cdef const Py_buffer* buffer = take(buffers, name, a, 2, real_code, flags)
    if buffer.shape[0] != rows or buffer.shape[1] != columns:
        raise ValueError(
            f"{name} has shape {buffer.shape[0], buffer.shape[1]}, the kernel needs "
            f"{rows, columns}."
        )
    return <real*>buffer.buf


cdef void release(Buffers* buffers) noexcept:
    cdef int i
    for i in range(buffers.n):
        PyBuffer_Release(&buffers.taken[i])


cdef inline bint is_of(const char* format, char code) noexcept:
    """Whether numbers are of this type, aligned and in the byte order of the machine."""
    return format[0] == code and format[1] == 0


# ---- the step ------------------------------------------------------------------------


def recurrent_step(
    int cell,
    x,               # IN (n, ldx) of which F columns are features
    Py_ssize_t F,
    Py_ssize_t H,
    packed,          # IN from pack_forward
    h_0,             # IN (n, units)
    h,               # OUT (n, units), not h_0
    c_0=None,        # IN (n, units), of a cell that has it
    c=None,          # OUT (n, units), of a cell that has it
):
    """Run a recurrent layer over one step; the bits are those of `forward`."""
    cdef const cell_type* row = cell_of(cell)
    cdef Py_ssize_t units = padded(H), n, ldx, m
    cdef Buffers buffers
    cdef const Py_buffer* given
    cdef const real* features
    cdef const real* own
    cdef const real* bias
    cdef const operand* x_rows
    cdef const operand* h_rows
    cdef operand* rounded = NULL
    cdef const real* h_before
    cdef const real* c_before
    cdef real* h_after
    cdef real* c_after
    cdef Py_ssize_t x_width = operand_width(F), h_width, rows, r
    cdef unsigned long long denormals
    buffers.n = 0
    try:
        given = take(&buffers, "x", x, 2, real_code, 0)
        n, ldx, features = given.shape[0], given.shape[1], <const real*>given.buf
        if not 0 <= F <= ldx or H < 1:
            raise ValueError("x, F and H do not belong together.")
        given = take(&buffers, "packed", packed, 1, real_code, 0)
        if given.shape[0] != packed_forward_size(cell, F, H):
            raise ValueError("packed has not the elements that F and H need.")
        own = <const real*>given.buf
        bias = own + row.n_own * units
        h_before = c_before = take_matrix(&buffers, "h_0", h_0, n, units, 0)
        h_after = c_after = take_matrix(&buffers, "h", h, n, units, PyBUF_WRITABLE)
        if row.has_c:
            c_before = take_matrix(&buffers, "c_0", c_0, n, units, 0)
            c_after = take_matrix(&buffers, "c", c, n, units, PyBUF_WRITABLE)
        if not ROUNDED:
            x_width = ldx
        h_width = operand_width(units)
        if ROUNDED:
            rows = min(n, <Py_ssize_t>STEP_ROWS) + OPERAND_SLACK
            rounded = <operand*>malloc(rows * (x_width + h_width) * sizeof(operand))
            if rounded == NULL:
                raise MemoryError
        with nogil:
            denormals = flush_denormals()
            begin_tiles()
            for m from 0 <= m < n by STEP_ROWS:
                rows = min(<Py_ssize_t>STEP_ROWS, n - m)
                x_rows = <const operand*>(features + m * ldx)
                h_rows = <const operand*>(h_before + m * units)
                if ROUNDED:
                    x_rows, h_rows = rounded, rounded + (rows + OPERAND_SLACK) * x_width
                    for r in range(rows):
                        round_row(
                            features + (m + r) * ldx, F, <operand*>x_rows + r * x_width
                        )
                        round_row(
                            h_before + (m + r) * units, units,
                            <operand*>h_rows + r * h_width,
                        )
                forward_step(
                    row, 0, units // LANES, rows, x_rows, NULL, x_width,
                    operand_width(F), <const operand*>(bias + row.slots * units), bias,
                    operand_width(H), units, 0, own, h_rows, c_before + m * units, NULL,
                    h_after + m * units, c_after + m * units,
                )
            end_tiles()
            restore_denormals(denormals)
    finally:
        release(&buffers)
        free(rounded)
