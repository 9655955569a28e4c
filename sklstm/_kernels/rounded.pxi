"""Rounded operands, which a team shares: members round theirs before they meet.

Where operands are not rounded (operands.h) the compiler leaves all of this out.
"""


cdef struct Rounded:
    # of even and of odd steps, since one step reads what the one before has written
    operand* x  # (2, x_size)
    Py_ssize_t x_size
    Py_ssize_t F  # distance of rows
    operand* h  # (2, h_size)
    Py_ssize_t h_size
    Py_ssize_t units


cdef Rounded rounded_operands(const Forward* layer, real* memory) noexcept nogil:
    cdef Rounded rounded
    rounded.F = operand_width(layer.F)
    rounded.units = operand_width(layer.units)
    rounded.x_size = x_operand_rows(layer.strip_rows) * rounded.F
    rounded.h_size = (layer.strip_rows + OPERAND_SLACK) * rounded.units
    rounded.x = <operand*>memory
    rounded.h = rounded.x + 2 * rounded.x_size
    return rounded


cdef inline Py_ssize_t x_operand_rows(Py_ssize_t strip_rows) noexcept nogil:
    return max(strip_rows, <Py_ssize_t>INPUT_STEPS) + OPERAND_SLACK


cdef inline operand* x_operands(
    const Rounded* rounded, Py_ssize_t t, bint lone
) noexcept nogil:
    """Those of step t, of a lone sequence of all INPUT_STEPS steps beside it."""
    return rounded.x + (t // INPUT_STEPS if lone else t) % 2 * rounded.x_size


cdef inline operand* h_operands(const Rounded* rounded, Py_ssize_t t) noexcept nogil:
    return rounded.h + t % 2 * rounded.h_size


cdef void round_states(
    const Columns* own, Py_ssize_t rows, const real* h, const Rounded* rounded,
    Py_ssize_t t,
) noexcept nogil:
    """What step t multiplies with R, a member's own columns and what pads the last."""
    cdef operand* out = h_operands(rounded, t)
    cdef Py_ssize_t r
    for r in range(rows):
        round_part(
            h + r * own.units + own.begin, own.end - own.begin,
            out + r * rounded.units + own.begin,
        )
        if own.end == own.units:
            memset(
                out + r * rounded.units + own.units, 0,
                (rounded.units - own.units) * sizeof(operand),
            )


cdef void round_inputs(
    const Forward* layer, const member_type* me, Py_ssize_t m, Py_ssize_t t,
    Py_ssize_t T, Py_ssize_t rows, bint lone, const Rounded* rounded,
) noexcept nogil:
    """What step t multiplies with W, from row-step m on: a member's share of the rows."""
    cdef operand* out = x_operands(rounded, t, lone)
    cdef Py_ssize_t i
    if lone:
        rows = 0 if t % INPUT_STEPS else min(<Py_ssize_t>INPUT_STEPS, T - t)
    for i in range(rows * me.place // me.size, rows * (me.place + 1) // me.size):
        round_row(
            layer.x + layer.x_rows[m + i] * layer.ldx, layer.F, out + i * rounded.F
        )


cdef void round_gradients(
    const Backward* layer, const Columns* own, Py_ssize_t rows, const real* d_z,
    operand* out, Py_ssize_t ldz,
) noexcept nogil:
    """What the step before multiplies with R', a member's own columns of each gate and
    what pads the last."""
    cdef Py_ssize_t units = own.units, r, g
    cdef Py_ssize_t gates = layer.cell.gates, slots = layer.cell.slots
    for r in range(rows):
        for g in range(gates):
            round_part(
                d_z + (r * slots + slots - gates + g) * units + own.begin,
                own.end - own.begin, out + r * ldz + g * units + own.begin,
            )
        if own.end == units:
            memset(
                out + r * ldz + gates * units, 0,
                (ldz - gates * units) * sizeof(operand),
            )


cdef inline Py_ssize_t backward_rounded(
    Py_ssize_t strip_rows, Py_ssize_t units, Py_ssize_t gates
) noexcept nogil:
    """Reals in whose memory the operands of a team lie: of even and of odd steps."""
    if not ROUNDED:
        return 0
    return as_reals(2 * (strip_rows + OPERAND_SLACK) * operand_width(gates * units))
