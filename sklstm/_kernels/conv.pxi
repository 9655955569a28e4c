"""Convolutional LSTM layers over a batch of clips: states that are images.

Frames are planes (conv.h): plane i has its pixel (y, x) at
``lead + ((i (height + pad_h) + y) (width + pad_w) + x) depth``. The margins, zeros, are
right of a line and below a plane; what is left of a line is the margin of the one above
it, and what is above a plane that of the plane before. What convolutions read are planes:
x, h and the gates; all else has no margins.

Each time step is cut into bands of lines, of all clips one after the other, of which a
thread has as many as any other; all threads meet after it. A band is a line, or for
kernels of 3 x 3 and 5 x 5 taps a line of the tiles of winograd.h.
"""

cdef extern from "<conv.h>" nogil:
    ctypedef struct window_type:
        Py_ssize_t depth
        const Py_ssize_t* pieces
        Py_ssize_t n
        Py_ssize_t K
    void conv_forward_line(
        const cell_type*, Py_ssize_t, Py_ssize_t, const window_type*, const real*,
        const window_type*, const real*, const real*, const real*, const real*,
        const real*, real*, real*, real*) noexcept
    void conv_backward_line(
        const cell_type*, Py_ssize_t, Py_ssize_t, const window_type*, const real*,
        const real*, const real*, const real*, const real*, const real*, const real*,
        real*, real*) noexcept
    void window_line(
        Py_ssize_t, Py_ssize_t, const window_type*, const real*, const real*,
        real*) noexcept

cdef extern from "<winograd.h>" nogil:
    const int MOST_POSITIONS, N_TILINGS
    ctypedef struct tiling_type:
        int kernel
        int m_y
        int m_x
        int n_y
        int n_x
    const tiling_type tilings[]
    ctypedef struct tiles_type:
        const tiling_type* tiling
        Py_ssize_t height
        Py_ssize_t width
        Py_ssize_t across
        Py_ssize_t first
        Py_ssize_t end
    ctypedef struct image_type:
        Py_ssize_t height
        Py_ssize_t width
        const real* first
        Py_ssize_t line
        Py_ssize_t depth
        Py_ssize_t parts
        Py_ssize_t inner
        Py_ssize_t used
    Py_ssize_t positions_apart(Py_ssize_t) noexcept
    void winograd_inputs(
        const tiling_type*, const image_type*, Py_ssize_t, Py_ssize_t, Py_ssize_t, real*,
        Py_ssize_t) noexcept
    void winograd_gradients(
        const tiling_type*, const image_type*, Py_ssize_t, Py_ssize_t, Py_ssize_t, real*,
        Py_ssize_t) noexcept
    void winograd_forward(
        const cell_type*, const tiles_type*, Py_ssize_t, const real*, Py_ssize_t,
        const real*, Py_ssize_t, const real*, const real*, const real*, const real*,
        real*, Py_ssize_t, real*, Py_ssize_t, real*) noexcept
    void winograd_backward(
        const cell_type*, const tiles_type*, Py_ssize_t, const real*, Py_ssize_t,
        const real*, const real*, const real*, const real*, const real*, const real*,
        Py_ssize_t, real*, real*, Py_ssize_t) noexcept
    void winograd_convolution(
        const tiles_type*, Py_ssize_t, const real*, Py_ssize_t, const real*,
        real*) noexcept
    void winograd_factors(const tiling_type*, int, real*) noexcept
    void add_rows_times(
        int, const real*, const real*, Py_ssize_t, Py_ssize_t, real*) noexcept

cdef enum:
    CONV_GATES = 4
    # Bytes of the gradients of gates that all products of a thread pass over together.
    CONV_GROUP = 1 << 17
    # Tiles that a thread computes together, at least, and those of gradients of weights.
    TILES_TOGETHER = 12
    GRADIENT_TILES = 128
    MOST_TAPS = 25
    MOST_LANES = 16


cdef struct Frame:
    Py_ssize_t height
    Py_ssize_t width
    Py_ssize_t pad_h
    Py_ssize_t pad_w
    Py_ssize_t kernel_h
    Py_ssize_t kernel_w


cdef int read_geometry(geometry, Frame* frame) except -1:
    (
        frame.height, frame.width, frame.pad_h, frame.pad_w, frame.kernel_h,
        frame.kernel_w,
    ) = geometry
    if (
        frame.height < 1 or frame.width < 1 or frame.kernel_h < 1 or frame.kernel_w < 1
        or frame.pad_h < frame.kernel_h // 2 or frame.pad_w < frame.kernel_w // 2
    ):
        raise ValueError(f"There are no frames of the geometry {tuple(geometry)}.")
    return 0


cdef inline Py_ssize_t line_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    """Elements from one line of planes to the next."""
    return (frame.width + frame.pad_w) * depth


cdef inline Py_ssize_t plane_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    return (frame.height + frame.pad_h) * line_size(frame, depth)


cdef inline Py_ssize_t lead_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    return padded((frame.pad_h * (frame.width + frame.pad_w) + frame.pad_w) * depth)


def plane_lead(Py_ssize_t width, Py_ssize_t pad_h, Py_ssize_t pad_w, Py_ssize_t depth):
    """Elements before the first plane: zeros."""
    cdef Frame frame
    read_geometry((1, width, pad_h, pad_w, 1, 1), &frame)
    return lead_size(&frame, depth)


def planes_size(
    Py_ssize_t n, Py_ssize_t height, Py_ssize_t width, Py_ssize_t pad_h, Py_ssize_t pad_w,
    Py_ssize_t depth,
):
    """Elements of n planes, with margins and what is before the first."""
    cdef Frame frame
    read_geometry((height, width, pad_h, pad_w, 1, 1), &frame)
    return lead_size(&frame, depth) + n * plane_size(&frame, depth)


cdef pieces_of(
    const Frame* frame, Py_ssize_t depth, Py_ssize_t inner, Py_ssize_t used, bint flipped
):
    """Where the stretches around a pixel begin, and the numbers of each.

    A pixel has `inner` numbers, and that as often as `depth` has it; of each `used`
    count, and behind those that do there is padding. `flipped` is the kernel of the
    gradient, in which every tap is where it was seen from.
    """
    cdef Py_ssize_t top = (frame.kernel_h - 1) // 2, left = (frame.kernel_w - 1) // 2
    if flipped:
        top, left = frame.kernel_h - 1 - top, frame.kernel_w - 1 - left
    lines = (np.arange(frame.kernel_h) - top) * line_size(frame, depth)
    if used == inner:
        return (lines - left * depth).astype(np.intp), frame.kernel_w * depth
    taps = (np.arange(frame.kernel_w) - left) * depth
    parts = np.arange(0, depth, inner)
    pieces = lines[:, None, None] + taps[:, None] + parts
    return pieces.ravel().astype(np.intp), used


cdef window_type window_of(
    Py_ssize_t depth, const Py_ssize_t[::1] pieces, Py_ssize_t K
) noexcept:
    cdef window_type window
    window.depth = depth
    window.pieces = address(pieces)
    window.n = pieces.shape[0] if K else 0
    window.K = K
    return window


cdef real* planes(
    name, a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except? NULL:
    """The first pixel of the first of n planes; NULL for None."""
    cdef real[::1] view = a
    if a is None:
        return NULL
    check_planes(name, view, frame, n, depth)
    return &view[0] + lead_size(frame, depth) if view.shape[0] else NULL


cdef const real* read_planes(
    name, a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except? NULL:
    cdef const real[::1] view = a
    if a is None:
        return NULL
    check_planes(name, view, frame, n, depth)
    return &view[0] + lead_size(frame, depth) if view.shape[0] else NULL


cdef int check_planes(
    name, const real[::1] a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except -1:
    cdef Py_ssize_t size = lead_size(frame, depth) + n * plane_size(frame, depth)
    if a.shape[0] != size:
        raise ValueError(
            f"{name} has {a.shape[0]} elements, {n} planes of depth {depth} have {size}."
        )
    return 0


cdef inline void end_line(
    const Frame* frame, Py_ssize_t depth, Py_ssize_t y, real* line
) noexcept nogil:
    """The margins behind line y, whose pixels begin at `line`."""
    memset(line + frame.width * depth, 0, frame.pad_w * depth * sizeof(real))
    if y == frame.height - 1:
        memset(
            line + line_size(frame, depth), 0,
            frame.pad_h * line_size(frame, depth) * sizeof(real),
        )


cdef inline void begin_planes(
    const Frame* frame, Py_ssize_t depth, real* first
) noexcept nogil:
    """The zeros before the first plane."""
    cdef Py_ssize_t n = lead_size(frame, depth)
    memset(first - n, 0, n * sizeof(real))


cdef inline void copy_line(const real* source, Py_ssize_t n, real* target) noexcept nogil:
    """NULL stands for zeros."""
    if source == NULL:
        memset(target, 0, n * sizeof(real))
    else:
        memcpy(target, source, n * sizeof(real))


cdef inline const real* at(const real* a, Py_ssize_t offset) noexcept nogil:
    if a == NULL:
        return NULL
    return a + offset


# ---- bands ----------------------------------------------------------------------------


cdef struct Bands:
    # of a frame
    const tiling_type* tiling  # NULL: bands are lines, and products are of all taps
    Py_ssize_t lines           # of a band
    Py_ssize_t n
    Py_ssize_t across          # tiles of a band
    Py_ssize_t together        # bands that a thread computes at once, at the most


cdef Bands bands_of(const Frame* frame) noexcept nogil:
    cdef Bands bands
    cdef int i
    bands.tiling = NULL
    bands.lines, bands.across, bands.together = 1, 0, 1
    for i in range(N_TILINGS):
        if frame.kernel_h == tilings[i].kernel == frame.kernel_w:
            bands.tiling = &tilings[i]
            bands.lines = tilings[i].m_y
            bands.across = ceil_div(frame.width, tilings[i].m_x)
            bands.together = ceil_div(TILES_TOGETHER, bands.across)
    bands.n = ceil_div(frame.height, bands.lines)
    return bands


cdef inline Py_ssize_t positions(const Bands* bands) noexcept nogil:
    """Products in place of those of all taps; 0 where they are not replaced."""
    return 0 if bands.tiling == NULL else bands.tiling.n_y * bands.tiling.n_x


cdef inline Py_ssize_t transformed(
    const Bands* bands, Py_ssize_t channels
) noexcept nogil:
    """Numbers of the inputs that a thread computes at once."""
    return positions(bands) * positions_apart(bands.together * bands.across * channels)


cdef inline Py_ssize_t n_factors(int kernel_h, int kernel_w) noexcept nogil:
    """Matrices of weights: taps, or what takes their place."""
    cdef Frame frame
    cdef Bands bands
    frame.height = frame.width = 1
    frame.kernel_h, frame.kernel_w = kernel_h, kernel_w
    bands = bands_of(&frame)
    return positions(&bands) or kernel_h * kernel_w


cdef inline tiles_type tiles_of(
    const Frame* frame, const Bands* bands, Py_ssize_t first, Py_ssize_t n
) noexcept nogil:
    """The tiles of n bands."""
    cdef tiles_type tiles
    tiles.tiling = bands.tiling
    tiles.height, tiles.width, tiles.across = frame.height, frame.width, bands.across
    tiles.first, tiles.end = first * bands.across, (first + n) * bands.across
    return tiles


cdef inline image_type image_of(
    const Frame* frame, const real* plane, Py_ssize_t depth, Py_ssize_t inner,
    Py_ssize_t used,
) noexcept nogil:
    """A plane as tiles read it: of each pixel depth / inner parts."""
    cdef image_type image
    image.height, image.width, image.first = frame.height, frame.width, plane
    image.line, image.depth = line_size(frame, depth), depth
    image.inner, image.used = inner, used
    image.parts = depth // inner if depth else 0
    return image


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


# ---- backward -------------------------------------------------------------------------


cdef struct ConvBackward:
    const cell_type* cell
    Frame frame
    Bands bands
    Py_ssize_t units
    Py_ssize_t H
    window_type z_window
    const real* own
    const real* r_transposed
    const real* w_transposed
    # by sequence, (B, height * width * units)
    const real* d_last        # or NULL
    real* d_c
    real* d_h_0               # or NULL
    # by row-step
    const real* d_out         # (N, height * width * units), or NULL
    real* kept                # planes (N): what forward kept, then d_z
    const real* h             # planes (N + B)
    const real* c             # (N + B, height * width * units)
    Py_ssize_t N
    Py_ssize_t x_vectors
    real* d_x                 # (N, height * width * x_vectors * LANES), or NULL
    # the products over all pixels
    const Py_ssize_t* tasks   # (n_tasks, 5): operand, piece, first row, rows, panel
    const Py_ssize_t* task_ends  # (n_threads + 1,)
    const Py_ssize_t* in_order  # 0, 1, ...
    window_type windows[2]    # of x and of h'
    const real* inputs[2]
    const Py_ssize_t* input_rows[2]
    Py_ssize_t channels[2]
    real* gradients[2]        # (taps or positions * channels, gates * units)
    real* given[2]            # (taps * channels, gates * H), what these are added to
    real* d_b                 # (gates * units,)
    # of tiles
    real* tiles               # (threads, tiles_size)
    Py_ssize_t tiles_size
    real* transformed[2]      # (positions, gradient_bands * across, channels)
    real* d_z_transformed     # (positions, ., gates * units)
    Py_ssize_t gradient_bands


cdef Py_ssize_t gradient_bands(const Bands* bands, Py_ssize_t N) noexcept nogil:
    """Bands, of all frames one after the other, whose gradients of weights are computed
    together; they do not depend on the threads."""
    return min(ceil_div(GRADIENT_TILES, bands.across), max(N * bands.n, <Py_ssize_t>1))


cpdef Py_ssize_t conv_backward_scratch_size(
    Schedule schedule, geometry, Py_ssize_t F, Py_ssize_t H, int n_threads
) except -1:
    """Elements of scratch memory that `conv_backward` needs."""
    return conv_training_scratch(
        schedule.batch.B, schedule.batch.N, geometry, F, H, n_threads
    )


cpdef Py_ssize_t conv_training_scratch(
    Py_ssize_t B, Py_ssize_t N, geometry, Py_ssize_t F, Py_ssize_t H, int n_threads
) except -1:
    """The same of B clips of N steps in all."""
    cdef Frame frame
    cdef Bands bands
    cdef Py_ssize_t units = padded(H), size, S, longest, n
    read_geometry(geometry, &frame)
    bands = bands_of(&frame)
    S = positions(&bands)
    size = (B * frame.height * frame.width + CONV_GATES) * units
    if not S:
        if H < units:
            size += CONV_GATES * frame.kernel_h * frame.kernel_w * (F + H) * units
        return size
    size += max(1, n_threads) * transformed(&bands, CONV_GATES * H)
    size += S * (F + H) * CONV_GATES * units
    longest = gradient_bands(&bands, N) * bands.across
    for n in (F, H, CONV_GATES * units):
        size += S * positions_apart(longest * n)
    return size


def conv_backward(
    int cell,
    Schedule schedule,
    geometry,
    x,             # IN planes of depth ldx, of which F channels are features, or None
    Py_ssize_t ldx,
    x_rows,        # IN (N,)
    Py_ssize_t F,
    Py_ssize_t H,
    packed,        # IN from pack_conv_backward, with W' where d_x is given
    scratch,       # conv_backward_scratch_size elements
    kept,          # IN from forward, OUT d_z
    h,             # IN from forward
    c,             # IN from forward
    d_w,           # IN/OUT (taps * F, gates * H), +=
    d_r,           # IN/OUT (taps * H, gates * H), +=
    d_b,           # IN/OUT (gates * H,), +=
    d_c=None,      # IN by sequence: of the last c (None: zero), OUT of c_0
    d_last=None,   # IN by sequence: gradient of h_last
    d_out=None,    # IN (N, height * width * units): gradient of every h
    d_h_0=None,    # OUT by sequence
    d_x=None,      # OUT (N, height * width * F padded)
    int n_threads=1,
):
    """Back-propagation of a layer through time."""
    cdef ConvBackward layer
    cdef const Batch* batch = &schedule.batch
    cdef Py_ssize_t B = batch.B, N = batch.N, units = padded(H), image, taps, S, longest
    cdef int i
    cdef const Py_ssize_t[::1] rows = x_rows, before_rows = schedule.before_rows
    cdef const real[::1] packed_view = packed, x_view
    cdef real[::1] scratch_view = scratch, d_b_view = d_b
    cdef real* own
    cdef Frame* frame = &layer.frame
    n_threads = max(1, n_threads)
    conv_cell(cell, &layer.cell)
    read_geometry(geometry, frame)
    image = frame.height * frame.width * units
    taps = frame.kernel_h * frame.kernel_w
    kernel_size = frame.kernel_h, frame.kernel_w
    if H < 1 or not 0 <= F <= ldx or (x is None and F) or d_b_view.shape[0] != 4 * H:
        raise ValueError("x, ldx, F, H and d_b do not belong together.")
    if packed_view.shape[0] != packed_conv_backward_size(
        cell, kernel_size, F, H, True
    ) and (
        d_x is not None
        or packed_view.shape[0] != packed_conv_backward_size(
            cell, kernel_size, 0, H, False
        )
    ):
        raise ValueError("packed has not the elements that F, H and d_x need.")
    if scratch_view.shape[0] < conv_backward_scratch_size(
        schedule, geometry, F, H, n_threads
    ):
        raise ValueError(
            "scratch has fewer elements than conv_backward_scratch_size says."
        )
    if kept is None or h is None or c is None or d_w is None or d_r is None:
        raise ValueError("kept, h, c, d_w and d_r are needed.")
    layer.inputs[0] = NULL
    if F:
        x_view = x
        layer.inputs[0] = conv_input(x_view, frame, ldx, rows, N)
    layer.units, layer.N = units, N
    layer.own = &packed_view[0]
    layer.r_transposed = layer.own + layer.cell.n_own * units
    layer.w_transposed = layer.r_transposed + CONV_GATES * n_factors(
        frame.kernel_h, frame.kernel_w
    ) * H * units
    layer.x_vectors = padded(F) // LANES
    layer.kept = planes("kept", kept, frame, N, CONV_GATES * units)
    layer.h = read_planes("h", h, frame, N + B, units)
    layer.c = read("c", c, N + B, image)
    layer.d_last = read("d_last", d_last, B, image)
    layer.d_out = read("d_out", d_out, N, image)
    layer.d_h_0 = written("d_h_0", d_h_0, B, image)
    layer.d_x = written("d_x", d_x, N, frame.height * frame.width * padded(F))
    own = &scratch_view[0]
    layer.d_b = own
    own += CONV_GATES * units
    if d_c is None:
        layer.d_c = own
        memset(own, 0, B * image * sizeof(real))
    else:
        layer.d_c = written("d_c", d_c, B, image)
    own += B * image
    cdef real* d_w_given = written("d_w", d_w, taps * F, CONV_GATES * H)
    cdef real* d_r_given = written("d_r", d_r, taps * H, CONV_GATES * H)
    pad(&d_b_view[0], CONV_GATES, H, units, layer.d_b)
    layer.given[0], layer.given[1] = d_w_given, d_r_given
    layer.gradients[0], layer.gradients[1] = d_w_given, d_r_given
    layer.channels[0], layer.channels[1] = F, H
    layer.H = H
    layer.bands = bands_of(frame)
    S = positions(&layer.bands)
    longest = frame.width
    if S:
        layer.gradient_bands = gradient_bands(&layer.bands, N)
        layer.tiles, layer.tiles_size = own, transformed(&layer.bands, CONV_GATES * H)
        own += n_threads * layer.tiles_size
        longest = layer.gradient_bands * layer.bands.across
        layer.d_z_transformed = own
        own += S * positions_apart(longest * CONV_GATES * units)
        for i in range(2):
            layer.transformed[i] = own
            own += S * positions_apart(longest * layer.channels[i])
        for i in range(2):
            layer.gradients[i] = own
            own += S * layer.channels[i] * CONV_GATES * units
        memset(
            layer.gradients[0], 0, S * (F + H) * CONV_GATES * units * sizeof(real)
        )
    elif H < units:
        layer.gradients[0] = own
        layer.gradients[1] = own + CONV_GATES * taps * F * units
        pad(d_w_given, CONV_GATES * taps * F, H, units, layer.gradients[0])
        pad(d_r_given, CONV_GATES * taps * H, H, units, layer.gradients[1])

    z_pieces, z_K = pieces_of(frame, CONV_GATES * units, units, H, True)
    layer.z_window = window_of(CONV_GATES * units, z_pieces, z_K)
    x_pieces, x_K = pieces_of(frame, ldx, ldx, F, False)
    h_pieces, h_K = pieces_of(frame, units, units, H, False)
    layer.windows[0] = window_of(ldx, x_pieces, x_K if F else 0)
    layer.windows[1] = window_of(units, h_pieces, h_K)
    layer.inputs[1] = layer.h
    layer.input_rows[0] = address(rows)
    layer.input_rows[1] = address(before_rows)
    tasks, ends = conv_tasks(
        &layer.windows[0], &layer.channels[0], S, units // LANES, n_threads
    )
    cdef const Py_ssize_t[:, ::1] tasks_view = tasks
    cdef const Py_ssize_t[::1] ends_view = ends
    cdef const Py_ssize_t[::1] in_order = np.arange(longest, dtype=np.intp)
    layer.tasks = &tasks_view[0, 0]
    layer.task_ends = &ends_view[0]
    layer.in_order = &in_order[0]
    with nogil, parallel(num_threads=n_threads):
        conv_backward_share(
            &layer, batch, n_threads, omp_get_thread_num(), omp_get_num_threads()
        )
    unpad(layer.d_b, CONV_GATES, H, units, &d_b_view[0])
    if not S and H < units:
        unpad(layer.gradients[0], CONV_GATES * taps * F, H, units, d_w_given)
        unpad(layer.gradients[1], CONV_GATES * taps * H, H, units, d_r_given)


cdef conv_tasks(
    const window_type* windows, const Py_ssize_t* channels, Py_ssize_t S,
    Py_ssize_t blocks, int n_threads,
):
    """Parts of the gradients of weights, and where those of each thread end."""
    cdef Py_ssize_t operand, piece, k, panel, n, K
    tasks = []
    for operand in range(2):
        n = S if S else windows[operand].n
        K = channels[operand] if S else windows[operand].K
        for piece in range(n):
            for k in range(0, K, OUTER_ROWS):
                rows = min(<Py_ssize_t>OUTER_ROWS, K - k)
                for panel in range(ceil_div(CONV_GATES * blocks, PANEL)):
                    tasks.append((operand, piece, k, rows, panel))
    cost = np.cumsum([task[3] + 2 for task in tasks])
    shares = np.arange(1, n_threads) / n_threads
    ends = np.searchsorted(cost, shares * cost.max())
    ends = np.concatenate([[0], ends, [len(tasks)]])
    return np.array(tasks, dtype=np.intp), ends.astype(np.intp)


cdef void conv_backward_share(
    const ConvBackward* layer, const Batch* batch, int n_shares, int thread,
    int n_threads,
) noexcept nogil:
    """What one thread does: its bands at every step, then those of d_x, then its parts
    of the gradients of weights."""
    cdef unsigned long long denormals = flush_denormals()
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t strip, i, last, band, n, per_frame = layer.bands.n
    cdef Py_ssize_t z_plane = plane_size(frame, CONV_GATES * layer.units)
    cdef Py_ssize_t x_image = frame.height * frame.width * layer.x_vectors * LANES
    cdef const Py_ssize_t* ends = layer.task_ends
    cdef int share
    for strip in range(batch.n_strips):
        conv_backward_strip(layer, batch, strip, thread, n_threads)
    if layer.d_x != NULL:
        i = layer.N * per_frame * thread // n_threads
        last = layer.N * per_frame * (thread + 1) // n_threads
        while i < last:
            band = i % per_frame
            n = min(min(layer.bands.together, last - i), per_frame - band)
            convolve_bands(
                layer, band, n, layer.kept + i // per_frame * z_plane, layer.x_vectors,
                layer.w_transposed, layer.d_x + i // per_frame * x_image,
                layer.tiles + thread * layer.tiles_size,
            )
            i += n
    if layer.bands.tiling != NULL:
        winograd_weight_gradients(layer, n_shares, thread, n_threads)
    else:
        # there may be fewer threads than were asked for
        for share from thread <= share < n_shares by n_threads:
            conv_weight_gradients(layer, ends[share], ends[share + 1])
    restore_denormals(denormals)


cdef void conv_backward_strip(
    const ConvBackward* layer, const Batch* batch, Py_ssize_t strip, int thread,
    int n_threads,
) noexcept nogil:
    """A thread's own bands of the frames of a strip, from the last step on."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t units = layer.units
    cdef Py_ssize_t first = batch.first_row[strip], end = batch.first_row[strip + 1]
    cdef Py_ssize_t T = batch.running_at[strip + 1] - batch.running_at[strip]
    cdef const Py_ssize_t* running = batch.running + batch.running_at[strip]
    cdef const Py_ssize_t* order = batch.order + first
    cdef Py_ssize_t m = batch.first_step[strip + 1], t, r, y, i, rows, before, own
    cdef Py_ssize_t last, band, n, rows_after = 0
    cdef Py_ssize_t line = frame.width * units, image = frame.height * line
    cdef Py_ssize_t h_plane = plane_size(frame, units), z_plane = CONV_GATES * h_plane
    cdef real* tiles = layer.tiles + thread * layer.tiles_size
    cdef const real* d_z_after
    cdef const real* d_last
    cdef real* d_z = NULL
    for t in range(T - 1, -1, -1):
        rows = running[t]
        m -= rows
        before = end + m - running[t - 1] if t else first + m
        d_z = layer.kept + m * z_plane
        i = rows * layer.bands.n * thread // n_threads
        last = rows * layer.bands.n * (thread + 1) // n_threads
        while i < last:
            r, band = i // layer.bands.n, i % layer.bands.n
            n = min(min(layer.bands.together, last - i), layer.bands.n - band)
            d_z_after, d_last = NULL, NULL
            if r < rows_after:
                d_z_after = d_z + (rows + r) * z_plane
            else:
                d_last = at(layer.d_last, order[r] * image)
            conv_backward_bands(
                layer, band, n, d_z_after, at(layer.d_out, (m + r) * image), d_last,
                layer.c + (before + r) * image, layer.h + (end + m + r) * h_plane,
                layer.d_c + order[r] * image, d_z + r * z_plane, tiles,
            )
            i += n
        rows_after = rows
        wait_for_all()
    if layer.d_h_0 == NULL:
        return
    i = (end - first) * layer.bands.n * thread // n_threads
    last = (end - first) * layer.bands.n * (thread + 1) // n_threads
    while i < last:
        r, band = i // layer.bands.n, i % layer.bands.n
        n = min(min(layer.bands.together, last - i), layer.bands.n - band)
        if r < rows_after:
            convolve_bands(
                layer, band, n, d_z + r * z_plane, units // LANES, layer.r_transposed,
                layer.d_h_0 + order[r] * image, tiles,
            )
        else:  # without steps h_0 is the last state
            for y in range(
                band * layer.bands.lines,
                min((band + n) * layer.bands.lines, frame.height),
            ):
                own = order[r] * image + y * line
                copy_line(at(layer.d_last, own), line, layer.d_h_0 + own)
        i += n


cdef void transform_d_z(
    const ConvBackward* layer, const tiles_type* tiles, const real* d_z, real* out
) noexcept nogil:
    """What tiles of the convolution with d_z read, without padding."""
    cdef Py_ssize_t units = layer.units, K = CONV_GATES * layer.H
    cdef image_type image = image_of(
        &layer.frame, d_z, CONV_GATES * units, units, layer.H
    )
    winograd_inputs(
        tiles.tiling, &image, tiles.across, tiles.first, tiles.end, out,
        positions_apart((tiles.end - tiles.first) * K),
    )


cdef void conv_backward_bands(
    const ConvBackward* layer, Py_ssize_t band, Py_ssize_t n, const real* d_z_after,
    const real* d_out, const real* d_last, const real* c_before, const real* h, real* d_c,
    real* d_z, real* inputs,
) noexcept nogil:
    """Some bands of a frame; pointers are to its first pixel."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t units = layer.units, line = frame.width * units
    cdef Py_ssize_t h_line = line_size(frame, units), y = band
    cdef tiles_type tiles
    if layer.bands.tiling == NULL:
        conv_backward_line(
            layer.cell, frame.width, units, &layer.z_window,
            at(d_z_after, CONV_GATES * y * h_line), layer.r_transposed,
            at(d_out, y * line), at(d_last, y * line), layer.own, c_before + y * line,
            h + y * h_line, d_c + y * line, d_z + CONV_GATES * y * h_line,
        )
        return
    tiles = tiles_of(frame, &layer.bands, band, n)
    if d_z_after != NULL:
        transform_d_z(layer, &tiles, d_z_after, inputs)
    winograd_backward(
        layer.cell, &tiles, units, NULL if d_z_after == NULL else inputs,
        CONV_GATES * layer.H, layer.r_transposed, d_out, d_last, layer.own, c_before, h,
        h_line, d_c, d_z, CONV_GATES * h_line,
    )


cdef void convolve_bands(
    const ConvBackward* layer, Py_ssize_t band, Py_ssize_t n, const real* d_z,
    Py_ssize_t vectors, const real* w, real* out, real* inputs,
) noexcept nogil:
    """Some bands of the gradient of a frame, of d_z of its first pixel on."""
    cdef const Frame* frame = &layer.frame
    cdef tiles_type tiles
    if layer.bands.tiling == NULL:
        window_line(
            frame.width, vectors, &layer.z_window,
            d_z + band * line_size(frame, CONV_GATES * layer.units), w,
            out + band * frame.width * vectors * LANES,
        )
        return
    tiles = tiles_of(frame, &layer.bands, band, n)
    transform_d_z(layer, &tiles, d_z, inputs)
    winograd_convolution(&tiles, vectors, inputs, CONV_GATES * layer.H, w, out)


cdef void conv_weight_gradients(
    const ConvBackward* layer, Py_ssize_t first, Py_ssize_t end
) noexcept nogil:
    """Some parts of d_W = x' d_z and d_R = h' d_z: an element is one chain over frames,
    lines and pixels. The sum of d_z rides on the first part of d_R of each panel."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t width = CONV_GATES * layer.units, column
    cdef Py_ssize_t z_line = line_size(frame, width), z_plane = plane_size(frame, width)
    cdef Py_ssize_t group = max(
        <Py_ssize_t>1, CONV_GROUP // <Py_ssize_t>(frame.width * width * sizeof(real))
    )
    cdef Py_ssize_t m, y, begin, last, i, k
    cdef const Py_ssize_t* task
    cdef const window_type* window
    cdef const real* a
    cdef const real* d
    cdef real* bias
    cdef int C
    for m in range(layer.N):
        for begin from 0 <= begin < frame.height by group:
            last = min(begin + group, frame.height)
            for i in range(first, end):
                task = layer.tasks + 5 * i
                window = &layer.windows[task[0]]
                k = task[1] * window.K + task[2]
                column = task[4] * PANEL * LANES
                C = <int>min(<Py_ssize_t>PANEL, width // LANES - task[4] * PANEL)
                bias = layer.d_b + column if task[0] == 1 and k == 0 else NULL
                a = (
                    layer.inputs[task[0]]
                    + layer.input_rows[task[0]][m] * plane_size(frame, window.depth)
                    + window.pieces[task[1]] + task[2]
                )
                d = layer.kept + m * z_plane + column
                for y in range(begin, last):
                    outer(
                        0, frame.width, a + y * line_size(frame, window.depth),
                        layer.in_order, window.depth, task[3], d + y * z_line, width, C,
                        layer.gradients[task[0]] + k * width + column, width, bias,
                    )
