"""Convolutional LSTM layers over a batch of clips, forward: weights, and a loop over
steps and bands (planes.pxi)."""

# ---- weights --------------------------------------------------------------------------


cdef int conv_cell(int cell, const cell_type** row) except -1:
    row[0] = cell_of(cell)
    if row[0].gates != CONV_GATES or row[0].slots != CONV_GATES:
        raise ValueError(f"Convolutions know no cell of {row[0].gates} gates.")
    return 0


cpdef Py_ssize_t packed_conv_size(
    int cell, kernel_size, Py_ssize_t F, Py_ssize_t H
) except -1:
    """Elements that `pack_conv` fills: own parameters | bias | W over R."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, units = padded(H)
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    return (
        row.n_own + CONV_GATES + CONV_GATES * n_factors(kernel_h, kernel_w) * (F + H)
    ) * units


def pack_conv(
    int cell,
    kernel_size,
    const real[:, ::1] w,    # IN (taps * F, gates * H)
    const real[:, ::1] r,    # IN (taps * H, gates * H)
    const real[::1] b,       # IN (gates * H,)
    const real[:, ::1] p or None,  # IN (n_own, H), where the cell has it
    real[::1] packed,        # OUT (packed_conv_size,)
    int n_threads=1,
):
    """W over R in panels of (k, gate, lane) for each block of units."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, block
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    cdef Py_ssize_t taps = kernel_h * kernel_w, H = r.shape[0] // max(taps, 1)
    cdef Py_ssize_t F = w.shape[0] // max(taps, 1), units = padded(H)
    if (
        H < 1 or b.shape[0] != CONV_GATES * H
        or packed.shape[0] != packed_conv_size(cell, kernel_size, F, H)
    ):
        raise ValueError("w, r, b and packed do not belong together.")
    check_shape("w", w, taps * F, CONV_GATES * H)
    check_shape("r", r, taps * H, CONV_GATES * H)
    check_own(row, p, H)
    cdef const real* w_data = const_data(w)
    cdef const real* r_data = const_data(r)
    cdef const real* b_data = &b[0]
    cdef real* bias = &packed[0] + row.n_own * units
    cdef real* panels = bias + CONV_GATES * units
    cdef Py_ssize_t size = CONV_GATES * LANES
    cdef Py_ssize_t S = n_factors(kernel_h, kernel_w), K = S * (F + H)
    cdef Frame frame
    cdef Bands bands
    cdef int s
    pad(const_data(p), row.n_own, H, units, &packed[0])
    for block in range(units // LANES):
        pack_bias(b_data, H, CONV_GATES, block, bias + block * size)
    read_geometry((1, 1, kernel_h, kernel_w, kernel_h, kernel_w), &frame)
    bands = bands_of(&frame)
    if bands.tiling != NULL:
        for s in prange(S, nogil=True, schedule="static", num_threads=n_threads):
            for block in range(units // LANES):
                winograd_rows(
                    bands.tiling, s, w_data, F, H, block,
                    panels + (block * K + s * (F + H)) * size,
                )
                winograd_rows(
                    bands.tiling, s, r_data, H, H, block,
                    panels + (block * K + s * (F + H) + F) * size,
                )
        return
    for block in prange(
        units // LANES, nogil=True, schedule="static", num_threads=n_threads
    ):
        pack_rows(
            w_data, taps * F, taps * F, H, CONV_GATES, block,
            <operand*>(panels + block * K * size), size,
        )
        pack_rows(
            r_data, taps * H, taps * H, H, CONV_GATES, block,
            <operand*>(panels + (block * K + taps * F) * size), size,
        )


cpdef Py_ssize_t packed_conv_backward_size(
    int cell, kernel_size, Py_ssize_t F, Py_ssize_t H, bint d_x
) except -1:
    """Elements that `pack_conv_backward` fills: own parameters | R' | W'."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, units = padded(H)
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    return row.n_own * units + CONV_GATES * n_factors(kernel_h, kernel_w) * H * (
        units + (padded(F) if d_x else 0)
    )


def pack_conv_backward(
    int cell,
    kernel_size,
    const real[:, ::1] w or None,  # IN (taps * F, gates * H) for d_x
    const real[:, ::1] r,    # IN (taps * H, gates * H)
    const real[:, ::1] p or None,  # IN (n_own, H), where the cell has it
    real[::1] packed,        # OUT (packed_conv_backward_size,)
    int n_threads=1,
):
    """Weights whose taps are in the opposite order, and of each the transposed matrix."""
    cdef const cell_type* row
    cdef Py_ssize_t kernel_h, kernel_w, F = 0
    kernel_h, kernel_w = kernel_size
    conv_cell(cell, &row)
    cdef Py_ssize_t taps = kernel_h * kernel_w, H = r.shape[0] // max(taps, 1)
    cdef Py_ssize_t units = padded(H)
    if w is not None:
        F = w.shape[0] // max(taps, 1)
    if H < 1 or packed.shape[0] != packed_conv_backward_size(
        cell, kernel_size, F, H, w is not None
    ):
        raise ValueError("w, r and packed do not belong together.")
    check_shape("w", w, taps * F, CONV_GATES * H)
    check_shape("r", r, taps * H, CONV_GATES * H)
    check_own(row, p, H)
    cdef real* r_transposed = &packed[0] + row.n_own * units
    cdef real* w_transposed = (
        r_transposed + CONV_GATES * n_factors(kernel_h, kernel_w) * H * units
    )
    cdef Frame frame
    cdef Bands bands
    read_geometry((1, 1, kernel_h, kernel_w, kernel_h, kernel_w), &frame)
    bands = bands_of(&frame)
    pad(const_data(p), row.n_own, H, units, &packed[0])
    transpose_taps(&bands, const_data(r), taps, H, H, r_transposed, n_threads)
    if w is not None:
        transpose_taps(&bands, const_data(w), taps, F, H, w_transposed, n_threads)


cdef void transpose_taps(
    const Bands* bands, const real* weights, Py_ssize_t taps, Py_ssize_t n_columns,
    Py_ssize_t H, real* packed, int n_threads,
) noexcept:
    """Panels (taps from the last on, gates, H) of the padded n_columns of each tap, or
    (positions, gates, H)."""
    cdef Py_ssize_t width = padded(n_columns), S = positions(bands) or taps
    cdef Py_ssize_t K = S * CONV_GATES * H, task, start, g, here
    cdef int s
    for task in prange(
        ceil_div(width, PANEL * LANES) * S, nogil=True, schedule="static",
        num_threads=n_threads,
    ):
        start = task // S * PANEL * LANES
        s = task % S
        here = min(<Py_ssize_t>(PANEL * LANES), width - start)
        for g in range(CONV_GATES):
            if bands.tiling != NULL:
                winograd_columns(
                    bands.tiling, s, weights + (start * CONV_GATES + g) * H, n_columns,
                    H, min(<Py_ssize_t>(PANEL * LANES), n_columns - start), here,
                    packed + K * start + (s * CONV_GATES + g) * H * here,
                )
            else:
                transpose_tap(
                    weights + ((s * n_columns + start) * CONV_GATES + g) * H, H,
                    min(<Py_ssize_t>(PANEL * LANES), n_columns - start), here,
                    packed + K * start + ((S - 1 - s) * CONV_GATES + g) * H * here,
                )


cdef void transpose_tap(
    const real* weights, Py_ssize_t H, Py_ssize_t n, Py_ssize_t panel_width, real* packed
) noexcept nogil:
    """One gate of n columns, without padding of its H units."""
    cdef Py_ssize_t unit, column
    for unit in range(H):
        for column in range(n):
            packed[column] = weights[column * CONV_GATES * H + unit]
        for column in range(n, panel_width):
            packed[column] = 0
        packed += panel_width


# ---- forward --------------------------------------------------------------------------


cdef struct ConvForward:
    const cell_type* cell
    Frame frame
    Bands bands
    Py_ssize_t units
    Py_ssize_t F
    Py_ssize_t H
    window_type x_window
    window_type h_window
    const real* x             # planes, or NULL
    const Py_ssize_t* x_rows  # (N,) plane of x of each row-step
    const real* own           # (n_own, units)
    const real* bias
    const real* w
    # by sequence, (B, height * width * units)
    const real* h_0           # or NULL
    const real* c_0
    real* h_last
    real* c_last
    # by row-step
    real* kept                # planes (N), or NULL
    real* h                   # planes (N + B), or NULL
    real* c                   # (N + B, height * width * units), or NULL
    real* scratch             # without h two blocks of planes, without c one of c
    real* inputs              # (threads, inputs_size), of tiles
    Py_ssize_t inputs_size


cdef Py_ssize_t conv_scratch(
    const Frame* frame, Py_ssize_t rows, Py_ssize_t units
) noexcept nogil:
    return 2 * (
        lead_size(frame, units) + rows * plane_size(frame, units)
    ) + rows * frame.height * frame.width * units


cpdef Py_ssize_t conv_scratch_size(
    Schedule schedule, geometry, Py_ssize_t F, Py_ssize_t H, int n_threads,
    bint keeps=False,
) except -1:
    """Elements of scratch memory that `conv_forward` needs, where h and c are kept or
    not."""
    cdef Frame frame
    cdef Bands bands
    cdef Py_ssize_t states = 0
    read_geometry(geometry, &frame)
    bands = bands_of(&frame)
    if not keeps:
        states = padded(conv_scratch(&frame, schedule.batch.strip_rows, padded(H)))
    return max(<Py_ssize_t>1, states + max(1, n_threads) * (
        transformed(&bands, F) + transformed(&bands, H)
    ))


def conv_forward(
    int cell,
    Schedule schedule,
    geometry,      # height, width, pad_h, pad_w, kernel_h, kernel_w
    x,             # IN planes of depth ldx, of which F channels are features, or None
    Py_ssize_t ldx,
    x_rows,        # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    packed,        # IN from pack_conv
    scratch,       # conv_scratch_size elements
    h_last,        # OUT (B, height * width * units) by sequence
    c_last,        # OUT, the same
    h_0=None,      # IN, the same
    c_0=None,
    kept=None,     # OUT planes (N) of depth gates * units
    h=None,        # OUT planes (N + B) of depth units
    c=None,        # OUT (N + B, height * width * units)
    int n_threads=1,
):
    """A layer over a batch; with `kept`, `h` and `c` all is kept that backward needs."""
    cdef ConvForward layer
    cdef const Batch* batch = &schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H), image
    cdef const Py_ssize_t[::1] rows = x_rows
    cdef const real[::1] packed_view = packed, x_view
    cdef real[::1] scratch_view = scratch
    conv_cell(cell, &layer.cell)
    read_geometry(geometry, &layer.frame)
    image = layer.frame.height * layer.frame.width * units
    if H < 1 or not 0 <= F <= ldx or (x is None and F):
        raise ValueError("x, ldx, F and H do not belong together.")
    if packed_view.shape[0] != packed_conv_size(
        cell, (layer.frame.kernel_h, layer.frame.kernel_w), F, H
    ):
        raise ValueError("packed has not the elements that F and H need.")
    n_threads = max(1, n_threads)
    cdef bint keeps = h is not None and c is not None
    if scratch_view.shape[0] < conv_scratch_size(
        schedule, geometry, F, H, n_threads, keeps
    ):
        raise ValueError("scratch has fewer elements than conv_scratch_size says.")
    if kept is not None and (h is None or c is None):
        raise ValueError("kept is for backward, which needs the states too.")
    layer.x = NULL
    if F:
        x_view = x
        layer.x = conv_input(x_view, &layer.frame, ldx, rows, N)
    x_pieces, x_K = pieces_of(&layer.frame, ldx, ldx, F, False)
    h_pieces, h_K = pieces_of(&layer.frame, units, units, H, False)
    layer.x_window = window_of(ldx, x_pieces, x_K if F else 0)
    layer.h_window = window_of(units, h_pieces, h_K)
    layer.x_rows = address(rows)
    layer.units = units
    layer.own = &packed_view[0]
    layer.bias = layer.own + layer.cell.n_own * units
    layer.w = layer.bias + CONV_GATES * units
    layer.h_0 = read("h_0", h_0, B, image)
    layer.c_0 = read("c_0", c_0, B, image)
    layer.h_last = written("h_last", h_last, B, image)
    layer.c_last = written("c_last", c_last, B, image)
    layer.kept = planes("kept", kept, &layer.frame, N, CONV_GATES * units)
    layer.h = planes("h", h, &layer.frame, N + B, units)
    layer.c = written("c", c, N + B, image)
    layer.bands = bands_of(&layer.frame)
    layer.F, layer.H = F, H
    layer.scratch = &scratch_view[0]
    layer.inputs = layer.scratch
    if not keeps:
        layer.inputs += padded(conv_scratch(&layer.frame, batch.strip_rows, units))
    layer.inputs_size = transformed(&layer.bands, F) + transformed(&layer.bands, H)
    if h_last is None or c_last is None:
        raise ValueError("h_last and c_last are needed.")
    with nogil, parallel(num_threads=n_threads):
        conv_forward_share(&layer, batch, omp_get_thread_num(), omp_get_num_threads())


cdef const real* conv_input(
    const real[::1] x, const Frame* frame, Py_ssize_t depth, const Py_ssize_t[::1] rows,
    Py_ssize_t N,
) except? NULL:
    """The first plane of x; all that `rows` name are there."""
    cdef Py_ssize_t n = (x.shape[0] - lead_size(frame, depth)) // max(
        plane_size(frame, depth), <Py_ssize_t>1
    )
    cdef Py_ssize_t i
    if n < 0:
        n = 0
    check_planes("x", x, frame, n, depth)
    if rows.shape[0] < N:
        raise ValueError(f"There are {rows.shape[0]} rows of x for {N} row-steps.")
    for i in range(N):
        if not 0 <= rows[i] < n:
            raise ValueError(f"Row {rows[i]} of x is not among its {n} planes.")
    return &x[0] + lead_size(frame, depth) if x.shape[0] else NULL


cdef void conv_forward_share(
    const ConvForward* layer, const Batch* batch, int thread, int n_threads
) noexcept nogil:
    """What one thread does of all strips."""
    cdef unsigned long long denormals = flush_denormals()
    cdef Py_ssize_t strip
    if thread == 0:
        if layer.h != NULL:
            begin_planes(&layer.frame, layer.units, layer.h)
        if layer.kept != NULL:
            begin_planes(&layer.frame, CONV_GATES * layer.units, layer.kept)
    for strip in range(batch.n_strips):
        conv_forward_strip(layer, batch, strip, thread, n_threads)
    restore_denormals(denormals)


cdef void conv_forward_strip(
    const ConvForward* layer, const Batch* batch, Py_ssize_t strip, int thread,
    int n_threads,
) noexcept nogil:
    """A thread's own lines of the frames of a strip, at all its steps."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t units = layer.units, height = frame.height
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip], t, r, y, i, rows, last, band, n, own
    cdef Py_ssize_t rows_after = running[0] if T else 0
    cdef Py_ssize_t line = frame.width * units, image = height * line
    cdef Py_ssize_t h_line = line_size(frame, units), h_plane = plane_size(frame, units)
    cdef Py_ssize_t z_line = CONV_GATES * h_line, z_plane = CONV_GATES * h_plane
    cdef Py_ssize_t x_plane = plane_size(frame, layer.x_window.depth)
    # Without states to keep, h alternates between two blocks and c stays in a third.
    cdef Py_ssize_t block = lead_size(frame, units) + batch.strip_rows * h_plane
    cdef real* blocks = layer.scratch + lead_size(frame, units)
    cdef real* h_before = blocks
    cdef real* c_before = layer.scratch + 2 * block
    cdef real* h
    cdef real* c
    cdef real* own_h
    cdef real* own_c
    cdef real* kept = NULL
    cdef const real* x = NULL
    if layer.h != NULL:
        h_before = layer.h + (first + m) * h_plane
    elif thread == 0:
        begin_planes(frame, units, blocks)
        begin_planes(frame, units, blocks + block)
    if layer.c != NULL:
        c_before = layer.c + (first + m) * image
    for i in range(
        (end - first) * height * thread // n_threads,
        (end - first) * height * (thread + 1) // n_threads,
    ):
        r, y = i // height, i % height
        own_h = h_before + r * h_plane + y * h_line
        own_c = c_before + r * image + y * line
        copy_line(at(layer.h_0, order[r] * image + y * line), line, own_h)
        copy_line(at(layer.c_0, order[r] * image + y * line), line, own_c)
        end_line(frame, units, y, own_h)
        if r >= rows_after:
            memcpy(layer.h_last + order[r] * image + y * line, own_h, line * sizeof(real))
            memcpy(layer.c_last + order[r] * image + y * line, own_c, line * sizeof(real))
    wait_for_all()
    for t in range(T):
        rows = rows_after
        rows_after = running[t + 1] if t + 1 < T else 0
        h = blocks + ((t + 1) & 1) * block
        c = c_before
        if layer.h != NULL:
            h = layer.h + (end + m) * h_plane
        if layer.c != NULL:
            c = layer.c + (end + m) * image
        i = rows * layer.bands.n * thread // n_threads
        last = rows * layer.bands.n * (thread + 1) // n_threads
        while i < last:
            r, band = i // layer.bands.n, i % layer.bands.n
            n = min(min(layer.bands.together, last - i), layer.bands.n - band)
            if layer.x != NULL:
                x = layer.x + layer.x_rows[m + r] * x_plane
            if layer.kept != NULL:
                kept = layer.kept + (m + r) * z_plane
            conv_forward_bands(
                layer, band, n, x,
                NULL if t == 0 and layer.h_0 == NULL else h_before + r * h_plane,
                c_before + r * image, kept, h + r * h_plane, c + r * image,
                layer.inputs + thread * layer.inputs_size,
            )
            for y in range(
                band * layer.bands.lines, min((band + n) * layer.bands.lines, height)
            ):
                own_h = h + r * h_plane + y * h_line
                end_line(frame, units, y, own_h)
                if layer.kept != NULL:
                    end_line(frame, CONV_GATES * units, y, kept + y * z_line)
                if r >= rows_after:
                    own = order[r] * image + y * line
                    memcpy(layer.h_last + own, own_h, line * sizeof(real))
                    memcpy(
                        layer.c_last + own, c + r * image + y * line, line * sizeof(real)
                    )
            i += n
        m += rows
        h_before, c_before = h, c
        wait_for_all()


cdef void conv_forward_bands(
    const ConvForward* layer, Py_ssize_t band, Py_ssize_t n, const real* x,
    const real* h_before, const real* c_before, real* kept, real* h, real* c,
    real* inputs,
) noexcept nogil:
    """Some bands of a frame; pointers are to its first pixel."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t units = layer.units, y = band
    cdef Py_ssize_t h_line = line_size(frame, units), line = frame.width * units
    cdef tiles_type tiles
    cdef image_type image
    cdef real* h_inputs
    cdef Py_ssize_t n_tiles
    if layer.bands.tiling == NULL:
        conv_forward_line(
            layer.cell, frame.width, units, &layer.x_window,
            at(x, y * line_size(frame, layer.x_window.depth)), &layer.h_window,
            at(h_before, y * h_line), layer.w, layer.bias, layer.own,
            c_before + y * line, NULL if kept == NULL else kept + CONV_GATES * y * h_line,
            h + y * h_line, c + y * line,
        )
        return
    tiles = tiles_of(frame, &layer.bands, band, n)
    n_tiles = tiles.end - tiles.first
    h_inputs = inputs + transformed(&layer.bands, layer.F)
    if x != NULL:
        image = image_of(
            frame, x, layer.x_window.depth, layer.x_window.depth, layer.F
        )
        winograd_inputs(
            tiles.tiling, &image, tiles.across, tiles.first, tiles.end, inputs,
            positions_apart(n_tiles * layer.F),
        )
    if h_before != NULL:
        image = image_of(frame, h_before, units, units, layer.H)
        winograd_inputs(
            tiles.tiling, &image, tiles.across, tiles.first, tiles.end, h_inputs,
            positions_apart(n_tiles * layer.H),
        )
    winograd_forward(
        layer.cell, &tiles, units, NULL if x == NULL else inputs, layer.F,
        NULL if h_before == NULL else h_inputs, layer.H, layer.w, layer.bias, layer.own,
        c_before, kept, CONV_GATES * h_line, h, h_line, c,
    )
