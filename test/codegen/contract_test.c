/* Products of all forms against three plain loops: shapes, strides, element types, instruction
 * sets.
 *
 * Operands end (or begin) at pages that may not be touched; C has canaries between its elements.
 * Arguments: how many kernels of known sizes to try (default 900), and a seed. */
#include "test/codegen/Inputs/contract_jit.h"

#include <math.h>
#include <sys/mman.h>

static const int64_t sizes[] = {0, 1, 2, 3, 5, 7, 10, 16, 17, 31, 32, 33, 64, 100, 128};
enum { SIZES = sizeof sizes / sizeof *sizes, AREA = 16 << 20, PAGE = 4096, BATCH = 50 };

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % n;
}

/* ---- memory ---- */

typedef struct Area {
    char *begin; /* AREA bytes, between two forbidden pages */
} Area;

static Area area_new(void) {
    char *all =
        mmap(NULL, AREA + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all, PAGE, PROT_NONE) ||
        mprotect(all + PAGE + AREA, PAGE, PROT_NONE))
        die("mmap", NULL);
    return (Area){all + PAGE};
}

typedef struct Matrix {
    char *base;
    int64_t rows, cols, row, col, span;
    bool is_f64;
} Matrix;

static Matrix matrix_in(Area area, bool at_end, bool is_f64, int64_t rows, int64_t cols,
                        int64_t row, int64_t col) {
    Matrix m = {area.begin, rows, cols, row, col, 0, is_f64};
    m.span = rows && cols ? (rows - 1) * row + (cols - 1) * col + 1 : 0;
    int64_t bytes = m.span * (is_f64 ? 8 : 4);
    if (bytes > AREA)
        die("area", "too small");
    if (at_end)
        m.base += AREA - bytes;
    return m;
}

static double get(const Matrix *m, int64_t at) {
    double d;
    float f;
    if (m->is_f64)
        memcpy(&d, m->base + at * 8, 8);
    else
        memcpy(&f, m->base + at * 4, 4), d = (double)f;
    return d;
}

static void set(Matrix *m, int64_t at, double value) {
    float f = (float)value;
    if (m->is_f64)
        memcpy(m->base + at * 8, &value, 8);
    else
        memcpy(m->base + at * 4, &f, 4);
}

/* Everything in the span, elements and what lies between them. */
static void fill(Matrix *m) {
    for (int64_t i = 0; i < m->span; i++)
        set(m, i, (double)random_below(2001) / 1000 - 1);
}

/* ---- one product ---- */

static Area areas[3];
static int failures;

static void describe(const Shape *s, const Machine *machine) {
    printf(
        "%s%s, %d vectors of %d%s: m %ld n %ld k %ld, A %ld,%ld B %ld,%ld C %ld,%ld, known %#x%s\n",
        s->is_f64 ? "f64" : "f32", s->accumulate ? " +=" : "", machine->vector_registers,
        machine->vector_bytes, machine->optimize ? "" : " (scalar)", (long)s->arg[0],
        (long)s->arg[1], (long)s->arg[2], (long)s->arg[3], (long)s->arg[4], (long)s->arg[5],
        (long)s->arg[6], (long)s->arg[7], (long)s->arg[8], s->known, s->whole ? ", far" : "");
}

static int wrong_elements(const Shape *s, const Matrix *a, const Matrix *b, const Matrix *c,
                          const double *before) {
    double eps = s->is_f64 ? 0x1p-53 : 0x1p-24;
    int wrong = 0;
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->cols; j++) {
            int64_t at = i * c->row + j * c->col;
            double sum = s->accumulate ? before[at] : 0, size = fabs(sum);
            for (int64_t k = 0; k < a->cols; k++) {
                double term = get(a, i * a->row + k * a->col) * get(b, k * b->row + j * b->col);
                sum += term;
                size += fabs(term);
            }
            wrong += !(fabs(get(c, at) - sum) <= (double)(a->cols + 2) * eps * size);
        }
    return wrong;
}

static int touched_canaries(const Matrix *c, const double *before) {
    static bool is_element[AREA / 4];
    int touched = 0;
    memset(is_element, 0, (size_t)c->span);
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->cols; j++)
            is_element[i * c->row + j * c->col] = true;
    for (int64_t at = 0; at < c->span; at++) {
        double now = get(c, at);
        touched += !is_element[at] && memcmp(&now, &before[at], sizeof now) != 0;
    }
    return touched;
}

static void run(Kernel *kernel, const Shape *s, const Machine *machine) {
    static double before[AREA / 4];
    const int64_t *g = s->arg;
    bool at_end = random_below(4) != 0;
    Matrix a = matrix_in(areas[0], at_end, s->is_f64, g[0], g[2], g[3], g[4]);
    Matrix b = matrix_in(areas[1], at_end, s->is_f64, g[2], g[1], g[5], g[6]);
    Matrix c = matrix_in(areas[2], at_end, s->is_f64, g[0], g[1], g[7], g[8]);
    fill(&a);
    fill(&b);
    fill(&c);
    for (int64_t i = 0; i < c.span; i++)
        before[i] = get(&c, i);
    if (getenv("CONTRACT_VERBOSE"))
        describe(s, machine);
    kernel(c.base, a.base, b.base, s->arg);
    int wrong = wrong_elements(s, &a, &b, &c, before), touched = touched_canaries(&c, before);
    if (!wrong && !touched)
        return;
    printf("%d wrong, %d touched that are not of C: ", wrong, touched);
    describe(s, machine);
    if (++failures > 20)
        exit(1);
}

/* ---- which products ---- */

/* Strides of a rows x cols matrix. layout: bit 0 transposed; pad: gap after a row; gap: between
 * elements */
static void set_strides(int64_t *stride, int64_t rows, int64_t cols, bool transposed, int64_t pad,
                        int64_t gap) {
    stride[transposed ? 1 : 0] = (transposed ? rows : cols) * gap + pad;
    stride[transposed ? 0 : 1] = gap;
}

static void set_layout(Shape *s, unsigned transposed, int64_t pad, unsigned gaps) {
    int64_t *g = s->arg;
    set_strides(g + ARG_a_row, g[0], g[2], transposed & 1, pad, gaps & 1 ? 2 : 1);
    set_strides(g + ARG_b_row, g[2], g[1], transposed >> 1 & 1, pad, gaps & 2 ? 3 : 1);
    set_strides(g + ARG_c_row, g[0], g[1], transposed >> 2 & 1, pad, gaps & 4 ? 2 : 1);
}

static unsigned known_units(const Shape *s) {
    unsigned known = 0;
    for (int i = ARG_a_row; i < ARGS; i++)
        known |= s->arg[i] == 1 ? 1u << i : 0;
    return known;
}

/* A that fills a panel, and B several. */
static void set_panel(Shape *s, const Machine *machine) {
    s->arg[0] = 2 * machine->vector_bytes / (s->is_f64 ? 8 : 4);
    s->arg[1] = 2 * s->arg[0] + (int64_t)random_below(80);
    s->arg[2] = (int64_t)(128 + random_below(400));
}

/* Elements of an array that no cache holds; what is read of it is small here. */
static const int64_t FAR = (int64_t)1 << 40;

/* Few rows of A, and a B larger than a cache. */
static void set_large(Shape *s) {
    s->arg[0] = (int64_t)(1 + random_below(34));
    s->arg[1] = (int64_t)(180 + random_below(150));
    s->arg[2] = (int64_t)(900 + random_below(900));
}

static Shape random_shape(const Machine *machine) {
    enum { ALONG_K = 2 }; /* B is transposed, A is not */
    Shape s = {
        .is_f64 = random_below(2), .accumulate = random_below(3) == 0, .known = (1u << ARGS) - 1};
    bool panel = random_below(50) == 0;
    for (int i = 0; i < 3; i++)
        s.arg[i] = sizes[random_below(SIZES)];
    if (random_below(12) == 0)
        s.arg[random_below(3)] = (int64_t)(300 + random_below(500));
    if (panel)
        set_panel(&s, machine);
    set_layout(&s, panel ? ALONG_K : (unsigned)random_below(8), (int64_t)random_below(4),
               panel || random_below(8) ? 0 : (unsigned)random_below(8));
    s.whole = random_below(3) == 0 ? FAR : 0;
    if (random_below(6) == 0) /* sizes known, strides not */
        s.known = 7 | (random_below(2) ? known_units(&s) : 0);
    return s;
}

static void test_known_sizes(const Machine *machine, int count) {
    for (int done = 0; done < count; done += BATCH) {
        Shape shapes[BATCH];
        Kernel *kernels[BATCH];
        for (int i = 0; i < BATCH; i++)
            shapes[i] = random_shape(machine);
        Jit jit = jit_compile(machine, shapes, BATCH, kernels);
        for (int i = 0; i < BATCH; i++)
            run(kernels[i], &shapes[i], machine);
        jit_free(&jit);
    }
}

/* One kernel for each layout, run with many sizes; with unit strides known, or nothing; vectors
 * too. */
static void test_unknown_sizes(const Machine *machine, int count) {
    enum { KERNELS = 8 * 2 * 2 * 2 * 4 * 2 };
    static Shape shapes[KERNELS];
    static Kernel *kernels[KERNELS];
    for (unsigned i = 0; i < KERNELS; i++) {
        Shape *s = &shapes[i];
        s->is_f64 = i >> 3 & 1;
        s->accumulate = i >> 4 & 1;
        s->arg[0] = s->arg[1] = s->arg[2] = 2;
        set_layout(s, i & 7, 1, 0);
        unsigned one = i >> 6 & 3; /* none, or which size is 1 and known */
        s->known = (i >> 5 & 1 ? known_units(s) : 0) | (one ? 1u << (one - 1) : 0);
        if (one)
            s->arg[one - 1] = 1;
        s->whole = i >> 8 ? FAR : 0;
    }
    Jit jit = jit_compile(machine, shapes, KERNELS, kernels);
    for (int done = 0; done < count; done++) {
        unsigned i = (unsigned)random_below(KERNELS);
        Shape s = shapes[i];
        for (int d = 0; d < 3; d++)
            if (!(s.known >> d & 1))
                s.arg[d] = sizes[random_below(SIZES)];
        if (random_below(20) == 0 && !(s.known >> 2 & 1))
            s.arg[2] = (int64_t)(200 + random_below(900));
        bool units = s.known >> ARG_a_row, any = !(s.known & 7),
             large = any && random_below(80) == 0;
        if (any && random_below(8) == 0)
            set_panel(&s, machine);
        if (large)
            set_large(&s);
        bool far = s.arg[2] <= 128 && random_below(6) == 0; /* rows half a page apart, and more */
        bool paged = !(i & 1) && !(s.known >> 1 & 1) && random_below(10) == 0;
        if (paged)
            s.arg[1] = (int64_t)(200 + random_below(100));
        set_layout(&s, i & 7, (int64_t)random_below(4) + (far ? 500 : 0),
                   units ? 0 : (unsigned)random_below(8));
        int64_t page = PAGE / (s.is_f64 ? 8 : 4);
        if (large && !(i & 2) && random_below(2)) /* rows of B half a page apart */
            s.arg[ARG_b_row] = (s.arg[ARG_b_row] / (page / 2) + 1) * (page / 2);
        if (paged) /* rows of A whole pages apart */
            s.arg[ARG_a_row] = (s.arg[ARG_a_row] / page + 1) * page;
        run(kernels[i], &s, machine);
    }
    jit_free(&jit);
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 900;
    if (argc > 2)
        random_state += strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15u;
    jit_start();
    for (int i = 0; i < 3; i++)
        areas[i] = area_new();
    static const Machine machines[] = {
        {64, 32, true, NULL},      {32, 32, true, NULL},     {16, 32, true, NULL},
        {32, 16, true, "haswell"}, {16, 16, true, "x86-64"}, {16, 16, false, "x86-64"},
    };
    int widest = host_vector_bytes();
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const Machine *m = &machines[i];
        if (m->vector_bytes > widest || (m->vector_registers == 32 && widest < 64))
            continue;
        bool is_main = m->vector_bytes == widest && m->optimize;
        test_known_sizes(m, is_main ? count : count / 4);
        test_unknown_sizes(m, is_main ? 4 * count : count);
    }
    printf(failures ? "%d failures\n" : "ok\n", failures);
    return failures != 0;
}
