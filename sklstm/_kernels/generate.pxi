"""Generation: the loop over tokens of a language model, a token feeding the next.

Samples are independent of each other: threads have blocks of them and never wait. Those
that have ended leave their block.
"""
from libc.stdint cimport uint64_t

cdef extern from "<sampling.h>" nogil:
    ctypedef struct sampling_type:
        double temperature
        Py_ssize_t top_k
        double top_p
        const unsigned char* allowed
        uint64_t seed
    Py_ssize_t choose_token(
        const sampling_type*, const real*, Py_ssize_t, Py_ssize_t, uint64_t, Py_ssize_t,
        double*, Py_ssize_t*) noexcept

cdef enum:
    GENERATED_ROWS = 32  # samples of a block: of so many a step fills the tile


cdef struct GeneratingLayer:
    const cell_type* cell
    Py_ssize_t F, H, units
    const real* own
    real* h    # (2, n, units): the state before, and the one after
    real* c


cdef class Generator:
    """A language model as the kernel knows it: a table, recurrent layers, a head.

    `layers` are (cell, F, H, packed weights) of each, from below.
    """

    cdef GeneratingLayer* layers
    cdef int n_layers
    cdef list held
    cdef const real[:, ::1] table
    cdef const real[::1] head
    cdef Py_ssize_t V, K

    def __cinit__(self, const real[:, ::1] table, layers, const real[::1] head,
                  Py_ssize_t V):  # fmt: skip
        cdef const real[::1] packed
        cdef GeneratingLayer* layer
        cdef Py_ssize_t below = table.shape[1], F, H, k
        cdef int cell
        self.n_layers = len(layers)
        if self.n_layers < 1 or table.shape[0] < V or V < 1:
            raise ValueError("table, layers, head and V do not belong together.")
        self.layers = <GeneratingLayer*>malloc(self.n_layers * sizeof(GeneratingLayer))
        if self.layers == NULL:
            raise MemoryError
        self.held, self.table, self.head, self.V = [], table, head, V
        for k in range(self.n_layers):
            cell, F, H, packed_weights = layers[k]
            packed = packed_weights
            layer = &self.layers[k]
            layer.cell = cell_of(cell)
            layer.F, layer.H, layer.units = F, H, padded(H)
            if F != below or packed.shape[0] != packed_forward_size(cell, F, H):
                raise ValueError(f"Layer {k} does not belong to what is below it.")
            layer.own = &packed[0]
            self.held.append(packed_weights)
            below = H
        self.K = self.layers[self.n_layers - 1].units
        if head.shape[0] != padded(V) * (1 + self.K):
            raise ValueError("table, layers, head and V do not belong together.")

    def __dealloc__(self):
        free(self.layers)

    def run(
        self,
        states,                        # IN/OUT of each layer (h, c) or (h,): (n, units)
        const Py_ssize_t[::1] first,   # IN (n,) what is read first
        const uint64_t[::1] streams,   # IN (n,) numbers of the samples
        uint64_t seed,
        double temperature,
        Py_ssize_t top_k,
        double top_p,
        const unsigned char[::1] allowed,  # IN (V,), one is at least
        Py_ssize_t stop,               # a token behind which a sample has ended, or -1
        Py_ssize_t[:, ::1] tokens,     # OUT (n, length), -1 behind the end
        Py_ssize_t[::1] lengths,       # OUT (n,)
        int n_threads=1,
    ):
        cdef Py_ssize_t n = first.shape[0], i, block, blocks, n_allowed = 0
        cdef real[:, ::1] part
        cdef sampling_type how
        cdef int failed = 0
        if (
            len(states) != self.n_layers or streams.shape[0] != n
            or allowed.shape[0] != self.V or tokens.shape[0] != n
            or lengths.shape[0] != n or not -1 <= stop < self.V
        ):
            raise ValueError("states, first, streams, allowed and tokens do not fit.")
        for i in range(n):
            if not 0 <= first[i] < self.V:
                raise ValueError(f"Sample {i} begins with token {first[i]}, of {self.V}.")
        for i in range(self.V):
            n_allowed += allowed[i] != 0
        if not n_allowed or not temperature >= 0 or top_k < 1 or not top_p > 0:
            raise ValueError("There is no token that could be drawn.")
        parts = []
        for i in range(self.n_layers):
            arrays = []
            for array in states[i]:
                part = np.ascontiguousarray(array)
                check_shape("state", part, n, self.layers[i].units)
                arrays.append(np.asarray(part))
            if len(arrays) != 1 + self.layers[i].cell.has_c:
                raise ValueError(f"Layer {i} has a state of {len(arrays)} part(s).")
            parts.append(arrays)
        if n == 0 or tokens.shape[1] == 0:
            np.asarray(lengths)[:] = 0
            return
        how.temperature, how.top_k, how.top_p = temperature, top_k, top_p
        how.allowed, how.seed = &allowed[0], seed
        # of every block a memory of its own
        blocks = max(ceil_div(n, <Py_ssize_t>GENERATED_ROWS), min(n, n_threads))
        memory = [
            self._memory(parts, n * i // blocks, n * (i + 1) // blocks)
            for i in range(blocks)
        ]
        cdef Py_ssize_t[::1] addresses = np.array(
            [numbers.__array_interface__["data"][0] for numbers in memory], dtype=np.intp
        )
        cdef Generator model = self
        for block in prange(
            blocks, nogil=True, schedule="dynamic", num_threads=n_threads
        ):
            failed += generate_block(
                model.layers, model.n_layers, &model.table[0, 0], model.table.shape[1],
                &model.head[0], model.V, model.K, &how, n * block // blocks,
                n * (block + 1) // blocks, &first[0], &streams[0], stop,
                tokens.shape[1], &tokens[0, 0], &lengths[0],
                <real*>addresses[block],
            )
        if failed:
            raise MemoryError

    def _memory(self, parts, Py_ssize_t begin, Py_ssize_t end):
        """Of a block of samples the states, those before and room for those after."""
        numbers = []
        for layer in parts:
            for part in layer:
                numbers += [part[begin:end].ravel(), part[begin:end].ravel()]
        return np.concatenate(numbers)


cdef int generate_block(
    const GeneratingLayer* model, int n_layers, const real* table, Py_ssize_t E,
    const real* head, Py_ssize_t V, Py_ssize_t K, const sampling_type* how,
    Py_ssize_t begin, Py_ssize_t end, const Py_ssize_t* first, const uint64_t* streams,
    Py_ssize_t stop, Py_ssize_t length, Py_ssize_t* tokens, Py_ssize_t* lengths,
    real* memory,
) noexcept nogil:
    """Some samples, from their states on; 1 where there is no memory."""
    cdef Py_ssize_t n = end - begin, rows = n, width = padded(V), m, t, token, step
    cdef int k
    cdef GeneratingLayer* layers = <GeneratingLayer*>malloc(
        n_layers * sizeof(GeneratingLayer)
    )
    cdef Py_ssize_t* read = <Py_ssize_t*>malloc(2 * n * sizeof(Py_ssize_t))
    cdef Py_ssize_t* heap = <Py_ssize_t*>malloc(V * sizeof(Py_ssize_t))
    cdef double* log_p = <double*>malloc(2 * V * sizeof(double))
    cdef real* z = <real*>malloc(n * width * sizeof(real))
    cdef Py_ssize_t* sample = read + n  # which sample a row is
    cdef const real* x
    cdef const Py_ssize_t* x_rows
    cdef Py_ssize_t ldx
    cdef unsigned long long denormals
    if layers == NULL or read == NULL or heap == NULL or log_p == NULL or z == NULL:
        free(layers)
        free(read)
        free(heap)
        free(log_p)
        free(z)
        return 1
    for k in range(n_layers):
        layers[k] = model[k]
        layers[k].h = memory
        memory = memory + 2 * n * layers[k].units
        layers[k].c = memory if layers[k].cell.has_c else layers[k].h
        if layers[k].cell.has_c:
            memory = memory + 2 * n * layers[k].units
    for m in range(n):
        read[m] = first[begin + m]
        sample[m] = begin + m
        lengths[begin + m] = length
        for t in range(length):
            tokens[(begin + m) * length + t] = -1
    denormals = flush_denormals()
    for step in range(length):
        x, x_rows, ldx = table, read, E
        for k in range(n_layers):
            generate_layer(&layers[k], rows, n, step % 2, x, x_rows, ldx)
            x = layers[k].h + (1 - step % 2) * n * layers[k].units
            x_rows, ldx = NULL, layers[k].units
        product(
            0, rows, 0, width // LANES, <const operand*>x, NULL, K, K,
            <const operand*>(head + width), head, width // LANES, z,
        )
        for m in range(rows):
            token = choose_token(
                how, z + m * width, width, V, streams[sample[m]], step, log_p, heap
            )
            tokens[sample[m] * length + step] = token
            read[m] = token
        for m in range(rows - 1, -1, -1):
            if read[m] == stop:
                lengths[sample[m]] = step + 1
                rows = rows - 1
                read[m], sample[m] = read[rows], sample[rows]
                for k in range(n_layers):
                    move_state(&layers[k], n, 1 - step % 2, rows, m)
        if rows == 0:
            break
    restore_denormals(denormals)
    free(layers)
    free(read)
    free(heap)
    free(log_p)
    free(z)
    return 0


cdef void generate_layer(
    const GeneratingLayer* layer, Py_ssize_t rows, Py_ssize_t n, int now, const real* x,
    const Py_ssize_t* x_rows, Py_ssize_t ldx,
) noexcept nogil:
    """A step from the states of number `now`, 0 or 1, to the others."""
    cdef Py_ssize_t units = layer.units
    cdef const real* bias = layer.own + layer.cell.n_own * units
    cdef Py_ssize_t before = now * n * units, after = (1 - now) * n * units
    forward_step(
        layer.cell, 0, units // LANES, rows, <const operand*>x, x_rows, ldx,
        operand_width(layer.F), <const operand*>(bias + layer.cell.slots * units), bias,
        operand_width(layer.H), units, 0, layer.own, <const operand*>(layer.h + before),
        layer.c + before, NULL, layer.h + after, layer.c + after,
    )


cdef void move_state(
    const GeneratingLayer* layer, Py_ssize_t n, int now, Py_ssize_t row, Py_ssize_t to
) noexcept nogil:
    cdef Py_ssize_t units = layer.units
    cdef real* h = layer.h + now * n * units
    cdef real* c = layer.c + now * n * units
    if row == to:
        return
    memcpy(h + to * units, h + row * units, units * sizeof(real))
    if layer.cell.has_c:
        memcpy(c + to * units, c + row * units, units * sizeof(real))
