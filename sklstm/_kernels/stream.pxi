"""What else a step of a stream needs: the head, and a glance at what it is given."""

cdef object ndarray = np.ndarray


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
            0, n, 0, width // LANES, <const operand*>left.buf, NULL, left.shape[1], K,
            <const operand*>right.buf + width, <const real*>right.buf, width // LANES,
            values,
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
