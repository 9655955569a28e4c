"""Convolutional LSTM layers over a batch of clips, backward: steps and bands, and then
the products over all pixels."""


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
