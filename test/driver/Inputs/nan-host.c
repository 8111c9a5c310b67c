/* Reads the reports of nan-host.bp, compiled with --sanitize=nan; argv[1]: the name of the model.
 * Two headers of such modules may be included together. */
#include "host.h"
#include "other.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: expected %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static _Alignas(64) char work[4096];
static const BpcNanReport *report = (const BpcNanReport *)(const void *)work;

static void test_operation(const char *model) {
    double left[3] = {1, 2, 3}, right[3] = {1, 0, 3}, out;
    Pair p = {left, right};
    EXPECT(ratio_work(3, 2) >= sizeof *report && ratio_work(3, 2) <= sizeof work);
    memset(work, 0xA5, sizeof work);
    int status = ratio(3, &p, 2, &out, work);
    EXPECT(status > 0 && report->status == status);
    EXPECT(strstr(host_error(status), ":3:7: `/` made a NaN or an infinity"));
    const BpcNanSite *site = report->site;
    EXPECT(strcmp(site->file, model) == 0 && site->line == 3 && site->column == 7);
    EXPECT(site->length == (int64_t)strlen("p.left[i] / p.right[i]"));
    EXPECT(strcmp(site->operation, "/") == 0 && *site->sweep == 0 && *site->role == 0);
    EXPECT(strcmp(site->index_names, "i,j,") == 0 && site->indices == 2 && site->kind == 0);
    EXPECT(report->index[0] == 1 && report->index[1] == 0);
    EXPECT(site->operands == 2 && report->operand[0] == 2 && report->operand[1] == 0);
    EXPECT(isinf(report->value) && report->value > 0);
}

static void test_reverse(void) {
    double left[2] = {1, 1}, right[2] = {1, 1e-200}, g1[2], g2[2];
    Pair p = {left, right}, g = {g1, g2};
    int status = slope(2, &p, 1, &g, work);
    EXPECT(status > 0 && report->status == status);
    EXPECT(strcmp(report->site->sweep, "the reverse sweep of ratio") == 0);
    EXPECT(strcmp(report->site->role, "adjoint") == 0);
    EXPECT(report->index[0] == 1 && isinf(report->value));
    right[1] = 2;
    EXPECT(slope(2, &p, 1, &g, work) == 0 && report->status == 0);
    EXPECT(g1[0] == 1 && g1[1] == 0.5 && g2[0] == -1 && g2[1] == -0.25);
}

static void test_others(void) {
    double x[2] = {1, NAN}, out;
    int status = pick(2, x, 0, &out, work);
    EXPECT(status > 0 && report->status == status && report->site->kind == 2);
    EXPECT(strcmp(report->site->operation, "x") == 0 && report->index[0] == 1);
    EXPECT(strstr(host_error(status), "the argument `x` holds a NaN or an infinity"));
    x[1] = 2;
    status = pick(2, x, 2, &out, work);
    EXPECT(status > 0 && report->status == 0 && strstr(host_error(status), "index"));
    EXPECT(pick(2, x, 1, &out, work) == 0 && report->status == 0 && out == 2);
}

int main(int argc, char **argv) {
    test_operation(argc > 1 ? argv[1] : "");
    test_reverse();
    test_others();
    return failures != 0;
}
