"""One time step of n sequences side by side, as streams take it: no schedule, no strips.

A step of a small network is less arithmetic than it takes to make memoryviews of its
arrays; so these doors take them as plain buffers, each for a third of that.
"""

cdef enum:
    # Rows that share a pass over the packed weights.
    STEP_ROWS = 64

# Row m of a step reads row m of x.
cdef Py_ssize_t[STEP_ROWS] own_rows
cdef Py_ssize_t place
for place in range(STEP_ROWS):
    own_rows[place] = place

cdef char real_code = b"f" if sizeof(real) == sizeof(float) else b"d"
cdef object ndarray = np.ndarray


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


# ---- the doors -----------------------------------------------------------------------


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
    cdef const real* w
    cdef const real* h_before
    cdef const real* c_before
    cdef real* h_after
    cdef real* c_after
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
        w = bias + row.slots * units
        h_before = c_before = take_matrix(&buffers, "h_0", h_0, n, units, 0)
        h_after = c_after = take_matrix(&buffers, "h", h, n, units, PyBUF_WRITABLE)
        if row.has_c:
            c_before = take_matrix(&buffers, "c_0", c_0, n, units, 0)
            c_after = take_matrix(&buffers, "c", c, n, units, PyBUF_WRITABLE)
        with nogil:
            denormals = flush_denormals()
            for m from 0 <= m < n by STEP_ROWS:
                forward_step(
                    row, 0, units // LANES, min(<Py_ssize_t>STEP_ROWS, n - m),
                    features + m * ldx, own_rows, ldx, F, w, bias, H, units, 0, own,
                    h_before + m * units, c_before + m * units, NULL,
                    h_after + m * units, c_after + m * units,
                )
            restore_denormals(denormals)
    finally:
        release(&buffers)


def dense_step(
    a,           # IN (n, lda) of which K columns are used
    Py_ssize_t K,
    packed,      # IN from pack_dense
    scratch,     # (n, n_outputs padded)
    out,         # OUT (n, n_outputs) of float64
):
    """The outputs of `dense_forward` in float64."""
    cdef Py_ssize_t n, n_outputs, width, m, k
    cdef Buffers buffers
    cdef const Py_buffer* left
    cdef const Py_buffer* right
    cdef const Py_buffer* target
    cdef real* values
    buffers.n = 0
    try:
        target = take(&buffers, "out", out, 2, b"d", PyBUF_WRITABLE)
        n, n_outputs = target.shape[0], target.shape[1]
        width = padded(n_outputs)
        left = take(&buffers, "a", a, 2, real_code, 0)
        right = take(&buffers, "packed", packed, 1, real_code, 0)
        if (
            left.shape[0] != n or not 0 <= K <= left.shape[1] or width < 1
            or right.shape[0] != (1 + K) * width
        ):
            raise ValueError("a, K, packed and out do not belong together.")
        values = take_matrix(&buffers, "scratch", scratch, n, width, PyBUF_WRITABLE)
        product(
            0, n, 0, width // LANES, <const real*>left.buf, NULL, left.shape[1], K,
            <const real*>right.buf + width, <const real*>right.buf, width // LANES, values,
        )
        for m in range(n):
            for k in range(n_outputs):
                (<double*>target.buf)[m * n_outputs + k] = values[m * width + k]
    finally:
        release(&buffers)


# ---- what a step is given ------------------------------------------------------------


def is_sound(a, Py_ssize_t rows, Py_ssize_t columns):
    """Whether this is an array that the kernels take, of this shape, and finite."""
    cdef Py_buffer buffer
    cdef const real* values
    cdef Py_ssize_t i
    cdef bint sound
    if type(a) is not ndarray:
        return False
    try:
        PyObject_GetBuffer(a, &buffer, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
    except (BufferError, ValueError):
        return False
    sound = (
        buffer.ndim == 2 and is_of(buffer.format, real_code)
        and buffer.shape[0] == rows and buffer.shape[1] == columns
    )
    if sound:
        values = <const real*>buffer.buf
        for i in range(rows * columns):
            sound &= values[i] - values[i] == 0
    PyBuffer_Release(&buffer)
    return sound


def read_step(
    a,     # IN (n, F) of float32 or float64, in any order
    out,   # OUT (n, F)
):
    """Copy the numbers of an array; whether all of them are finite in `out`."""
    cdef Buffers buffers
    cdef Py_buffer* given = &buffers.taken[0]
    cdef const Py_buffer* target
    cdef const char* format
    cdef const char* number
    cdef real* values
    cdef real value
    cdef float single_value
    cdef double double_value
    cdef Py_ssize_t n, F, m, k
    cdef bint single, finite = True
    PyObject_GetBuffer(a, given, PyBUF_FORMAT | PyBUF_STRIDES)
    buffers.n = 1
    try:
        target = take(&buffers, "out", out, 2, real_code, PyBUF_WRITABLE)
        n, F, values = target.shape[0], target.shape[1], <real*>target.buf
        format = given.format
        if format[0] == b"=":  # not aligned
            format += 1
        single = is_of(format, b"f")
        if not (single or is_of(format, b"d")):
            raise ValueError("a is neither of float32 nor of float64.")
        if given.ndim != 2 or given.shape[0] != n or given.shape[1] != F:
            raise ValueError(f"a has another shape than out, {n, F}.")
        for m in range(n):
            number = <const char*>given.buf + m * given.strides[0]
            for k in range(F):
                if single:
                    memcpy(&single_value, number, sizeof(float))
                    value = <real>single_value
                else:
                    memcpy(&double_value, number, sizeof(double))
                    value = <real>double_value
                number += given.strides[1]
                values[m * F + k] = value
                finite &= value - value == 0
    finally:
        release(&buffers)
    return finite
