"""Recurrent layers over a batch, forward: loops over strips, each by a team, and time."""

cdef enum:
    # Steps of a lone sequence whose input is multiplied with W at once.
    INPUT_STEPS = 24


cdef struct Forward:
    const cell_type* cell
    const real* x            # (., ldx)
    const Py_ssize_t* x_rows  # (N,) row of x of each row-step
    Py_ssize_t ldx
    Py_ssize_t F
    Py_ssize_t H
    Py_ssize_t units
    const real* own          # (n_own, units) parameters of the cell itself
    const real* bias         # packed by pack_forward
    const operand* w
    # by sequence
    const real* h_0          # (B, units) initial states, NULL for zero
    const real* c_0
    const real* mask         # (B, units), or NULL
    real* h_last             # (B, units) state after the last step
    real* c_last             # (B, units) or NULL
    # by row-step
    real* kept               # (N, slots * units) kept for backward, or NULL
    real* h                  # (N + B, units) all states, or NULL
    real* masked             # (N + B, units) h times mask; without a mask it is h
    real* c                  # (N + B, units) kept for backward, or NULL
    # two blocks for h, one for c, b + W x of INPUT_STEPS steps, and where operands are
    # rounded two blocks for those of x and two for those of h'
    real* scratch            # (n_teams, scratch_size) by team
    Py_ssize_t scratch_size
    Py_ssize_t strip_rows
    Py_ssize_t n_teams        # that scratch is for, at the most


cdef void forward_strip(
    const Forward* layer, const Batch* batch, Py_ssize_t strip, member_type* me
) noexcept nogil:
    """A member's own blocks of units at all steps of a strip."""
    cdef Py_ssize_t units = layer.units, slots = layer.cell.slots
    cdef bint has_c = layer.cell.has_c
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip], t, rows, rows_after
    cdef Py_ssize_t strip_size = layer.strip_rows * units
    # Without states to keep, h alternates between two blocks and c stays in a third.
    cdef real* scratch = layer.scratch + me.number * layer.scratch_size
    cdef real* h_before = scratch
    cdef real* c_before = scratch + 2 * strip_size
    cdef real* masked
    cdef real* h
    cdef real* c
    cdef const operand* x
    cdef const operand* multiplied  # with R
    cdef const Py_ssize_t* x_rows
    cdef Py_ssize_t F = operand_width(layer.F), H = operand_width(layer.H)
    cdef Py_ssize_t ldx = F if ROUNDED else layer.ldx
    cdef const real* start = layer.bias
    cdef real* z = scratch + 3 * strip_size
    cdef Rounded rounded = rounded_operands(layer, z + INPUT_STEPS * PANEL * units)
    cdef bint lone = end - first == 1
    cdef Py_ssize_t begin_block, end_block
    own_blocks(me, units // LANES, &begin_block, &end_block)
    cdef Columns own
    own.units = units
    own.begin = begin_block * LANES
    own.end = end_block * LANES

    if layer.h != NULL:
        h_before = layer.h + (first + m) * units
    if layer.c != NULL:
        c_before = layer.c + (first + m) * units
    copy_rows(&own, layer.h_0, order, end - first, h_before)
    if has_c:
        copy_rows(&own, layer.c_0, order, end - first, c_before)
    masked = h_before
    if layer.mask != NULL:
        masked = layer.masked + (first + m) * units
        multiply(&own, end - first, h_before, layer.mask, order, masked)
    rows_after = running[0] if T else 0
    finish_rows(layer, &own, order, rows_after, end - first, h_before, c_before)
    if ROUNDED:
        round_states(&own, rows_after, masked, &rounded, 0)
        round_inputs(layer, me, m, 0, T, rows_after, lone, &rounded)
    meet(me)

    for t in range(T):
        rows = rows_after
        rows_after = running[t + 1] if t + 1 < T else 0
        h = scratch + ((t + 1) & 1) * strip_size
        c = c_before
        if layer.h != NULL:
            h = layer.h + (end + m) * units
        if layer.c != NULL:
            c = layer.c + (end + m) * units
        x_rows = layer.x_rows + m
        multiplied = <const operand*>masked
        x = <const operand*>layer.x
        if ROUNDED:
            x = x_operands(&rounded, t, lone)
            x_rows = NULL
            multiplied = h_operands(&rounded, t)
        if lone:
            if t % INPUT_STEPS == 0:
                input_part(
                    layer.cell, begin_block, end_block,
                    min(<Py_ssize_t>INPUT_STEPS, T - t), x, x_rows, ldx, F, layer.w,
                    layer.bias, units, z,
                )
            start = z + t % INPUT_STEPS * slots * units
            x = NULL
        # Every other step begins with the weights that the one before ended with,
        # which L1 still holds.
        forward_step(
            layer.cell, begin_block, end_block, rows, x, x_rows, ldx,
            F, layer.w, start, H, units, t & 1, layer.own, multiplied,
            c_before if has_c else h_before,
            layer.kept + m * slots * units if layer.kept != NULL else NULL, h, c,
        )
        finish_rows(layer, &own, order, rows_after, rows, h, c)
        h_before = masked = h
        c_before = c
        if layer.mask != NULL:
            masked = layer.masked + (end + m) * units
            multiply(&own, rows, h, layer.mask, order, masked)
        m += rows
        if ROUNDED:
            round_states(&own, rows_after, masked, &rounded, t + 1)
            round_inputs(layer, me, m, t + 1, T, rows_after, lone, &rounded)
        # all of h is there for the next step, and nobody reads that before it any more
        meet(me)


cdef inline void finish_rows(
    const Forward* layer, const Columns* own, const Py_ssize_t* order,
    Py_ssize_t begin, Py_ssize_t end, const real* h, const real* c,
) noexcept nogil:
    """Sequences that end here give their state to the layer's output."""
    cdef Py_ssize_t r
    for r in range(begin, end):
        copy_row(own, h, r, layer.h_last, order[r])
        if layer.c_last != NULL and layer.cell.has_c:
            copy_row(own, c, r, layer.c_last, order[r])


cpdef Py_ssize_t forward_scratch_size(
    Schedule schedule, Py_ssize_t F, Py_ssize_t H, int n_teams
) except -1:
    """Elements of scratch memory that a `ForwardPass` of so many teams needs."""
    return max(1, n_teams) * forward_scratch(schedule.batch.strip_rows, F, padded(H))


cdef inline Py_ssize_t forward_scratch(
    Py_ssize_t strip_rows, Py_ssize_t F, Py_ssize_t units
) noexcept nogil:
    """What one team needs."""
    cdef Py_ssize_t operands = 0
    if ROUNDED:
        operands = 2 * (
            x_operand_rows(strip_rows) * operand_width(F)
            + (strip_rows + OPERAND_SLACK) * operand_width(units)
        )
    return (3 * strip_rows + INPUT_STEPS * PANEL) * units + as_reals(operands)


cdef class ForwardPass:
    """A recurrent layer and the batch it is to run over, for `run_forward`.

    With `kept`, `h` and, for a cell that has it, `c` everything that backward needs is
    kept; with `h` alone the states of all steps, for a layer above; with none of them
    only `h_last`, in memory that does not grow with the number of steps.
    """

    cdef Forward layer
    cdef Schedule schedule
    cdef tuple arrays  # which the pointers point into

    def __cinit__(
        self,
        int cell,
        Schedule schedule,
        x,             # IN (., ldx) of which F columns are features
        x_rows,        # IN (N,)
        Py_ssize_t F,
        Py_ssize_t H,
        packed,        # IN from pack_forward
        scratch,       # forward_scratch_size elements
        h_last,        # OUT (B, units) by sequence
        c_last=None,   # OUT (B, units) by sequence
        h_0=None,      # IN (B, units) by sequence
        c_0=None,      # IN (B, units) by sequence
        kept=None,     # OUT (N, slots * units) by row-step
        h=None,        # OUT (N + B, units)
        c=None,        # OUT (N + B, units)
        mask=None,     # IN (B, units) by sequence: factors of h'
        masked=None,   # OUT (N + B, units) h times mask
    ):
        cdef Batch batch = schedule.batch
        cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H)
        cdef Forward* layer = &self.layer
        cdef const real[:, ::1] x_view = x
        cdef const Py_ssize_t[::1] rows_view = x_rows
        cdef const real[::1] packed_view = packed
        cdef real[::1] scratch_view = scratch
        layer.cell = cell_of(cell)
        cdef Py_ssize_t slots = layer.cell.slots
        if x is None or x_rows is None or packed is None or scratch is None:
            raise ValueError("x, x_rows, packed and scratch are needed.")
        if not 0 <= F <= x_view.shape[1] or H < 1:
            raise ValueError("x, F and H do not belong together.")
        check_rows("x_rows", rows_view, N, x_view)
        if packed_view.shape[0] != packed_forward_size(cell, F, H):
            raise ValueError("packed has not the elements that F and H need.")
        layer.strip_rows = batch.strip_rows
        layer.scratch_size = forward_scratch(batch.strip_rows, F, units)
        if scratch_view.shape[0] < layer.scratch_size:
            raise ValueError("scratch has fewer elements than forward_scratch_size says.")
        layer.n_teams = scratch_view.shape[0] // layer.scratch_size
        layer.h_last = written("h_last", h_last, B, units)
        layer.c_last = written("c_last", c_last, B, units)
        layer.h_0 = read("h_0", h_0, B, units)
        layer.c_0 = read("c_0", c_0, B, units)
        layer.kept = written("kept", kept, N, slots * units)
        layer.h = written("h", h, N + B, units)
        layer.c = written("c", c, N + B, units)
        layer.mask = read("mask", mask, B, units)
        layer.masked = written("masked", masked, N + B, units)
        if kept is not None and (h is None or (c is None and layer.cell.has_c)):
            raise ValueError("kept is for backward, which needs the states too.")
        if mask is not None and (masked is None or h is None):
            raise ValueError("A mask needs masked and h.")
        layer.scratch = &scratch_view[0]
        layer.x = const_data(x_view)
        layer.x_rows = address(rows_view)
        layer.ldx = x_view.shape[1]
        layer.F = F
        layer.H = H
        layer.units = units
        layer.own = &packed_view[0]
        layer.bias = layer.own + layer.cell.n_own * units
        layer.w = <const operand*>(layer.bias + slots * units)
        self.schedule = schedule
        self.arrays = (
            x, x_rows, packed, scratch, h_last, c_last, h_0, c_0, kept, h, c, mask, masked
        )


def run_forward(list passes, int n_threads=1, int n_teams=1):
    """Run one layer, or the two directions of one side by side, over a batch.

    The threads form so many teams, each of which takes one strip after the other.
    """
    cdef const Forward* layers[MOST_PASSES]
    cdef ForwardPass one, first
    cdef const Batch* batch
    cdef teams_type teams
    cdef int n_layers = len(passes), i
    n_threads = max(1, n_threads)
    n_teams = max(1, min(n_teams, n_threads))
    if not 1 <= n_layers <= MOST_PASSES or None in passes:
        raise ValueError(f"1 to {MOST_PASSES} layers run side by side, not {passes}.")
    first = passes[0]
    batch = &first.schedule.batch
    for i in range(n_layers):
        one = passes[i]
        if one.schedule is not first.schedule:
            raise ValueError("Layers side by side have the same schedule.")
        layers[i] = &one.layer
        n_teams = min(n_teams, <int>one.layer.n_teams)
    form_teams(&teams, n_teams)
    with nogil, parallel(num_threads=n_threads):
        forward_strips(
            layers, n_layers, batch, &teams, omp_get_thread_num(), omp_get_num_threads()
        )


cdef void forward_strips(
    const Forward** layers, int n_layers, const Batch* batch, teams_type* teams,
    int thread, int n_threads,
) noexcept nogil:
    """What one thread does of the strips of all layers, which take turns."""
    cdef unsigned long long denormals = flush_denormals()
    cdef member_type me = join_team(teams, thread, n_threads)
    cdef Py_ssize_t job = next_job(teams, &me)
    begin_tiles()
    while job < batch.n_strips * n_layers:
        forward_strip(layers[job % n_layers], batch, job // n_layers, &me)
        job = next_job(teams, &me)
    end_tiles()
    restore_denormals(denormals)


def forward(*arguments, n_threads=1, **options):
    """Run one layer over a batch; arguments are those of `ForwardPass`."""
    one = ForwardPass(*arguments, **options)
    run_forward([one], n_threads, (<ForwardPass>one).schedule.batch.n_strips)
