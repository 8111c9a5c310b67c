/* The table, and its plot. See bench/report.h. */
#include "report.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_LINES = 256 };

typedef struct Line {
    char model[40], name[56], against[56];
    double ours, theirs, ratio, bar;
    Sense sense;
} Line;

static Line lines[MAX_LINES];
static int n_lines;
static const char *model = "";

static bool line_met(const Line *l) {
    return l->sense == FASTER ? l->ratio >= l->bar : l->ratio <= l->bar;
}

/* How far from the bar: above 1 when it is met. */
static double line_margin(const Line *l) {
    return l->sense == FASTER ? l->ratio / l->bar : l->bar / l->ratio;
}

/* ---- the table ---- */

static const char *time_text(double seconds, char *text, size_t size) {
    if (seconds < 1e-6)
        snprintf(text, size, "%.1f ns", seconds * 1e9);
    else if (seconds < 1e-3)
        snprintf(text, size, "%.1f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(text, size, "%.2f ms", seconds * 1e3);
    else
        snprintf(text, size, "%.2f s", seconds);
    return text;
}

void report_model(const char *name) {
    model = name;
    printf("\n%s\n\n| %-34s | %-34s | %9s | %9s | %-13s | %-6s | %-6s |\n", name, "case", "against",
           "ours", "theirs", "ratio", "bar", "");
    printf("|-%.34s-|-%.34s-|-%.9s:|-%.9s:|-%.13s-|-%.6s-|-%.6s-|\n",
           "------------------------------------", "------------------------------------",
           "------------", "------------", "--------------", "-------", "-------");
    fflush(stdout);
}

void report(const char *name, const char *against, double ours, double theirs, Sense sense,
            double bar) {
    Line l = {.ours = ours, .theirs = theirs, .bar = bar, .sense = sense};
    l.ratio = sense == FASTER ? theirs / ours : ours / theirs;
    snprintf(l.model, sizeof l.model, "%s", model);
    snprintf(l.name, sizeof l.name, "%s", name);
    snprintf(l.against, sizeof l.against, "%s", against);
    char mine[24], other[24], limit[24] = "";
    if (bar)
        snprintf(limit, sizeof limit, "%s %.4g", sense == FASTER ? ">=" : "<=", bar);
    printf("| %-34s | %-34s | %9s | %9s | %5.2f x %-5s | %-6s | %-6s |\n", l.name, l.against,
           time_text(ours, mine, sizeof mine), time_text(theirs, other, sizeof other), l.ratio,
           sense == FASTER ? "speed" : "time", limit,
           !bar           ? ""
           : line_met(&l) ? "met"
                          : "missed");
    fflush(stdout);
    if (n_lines < MAX_LINES)
        lines[n_lines++] = l;
}

/* ---- the plot: a bar a line, from the bar that is asked (1) to where bpc stands, logarithmic ----
 */

enum { LEFT = 470, WIDTH = 420, STEP = 17, TOP = 64, DECADE = WIDTH / 3 }; /* from 0.03 to 30 */

static double place(double margin) {
    double x = WIDTH / 2.0 + DECADE * log10(margin);
    return LEFT + fmin(fmax(x, 0), WIDTH);
}

static void plot_text(FILE *f, const char *text) {
    for (; *text; text++)
        if (*text == '<' || *text == '>' || *text == '&')
            fprintf(f, "&#%d;", *text);
        else
            fputc(*text, f);
}

static void plot_axis(FILE *f, int height) {
    static const double ticks[] = {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20};
    fprintf(f, "<text x=\"8\" y=\"20\" class=\"h\">How far bpc is from each bar</text>\n"
               "<text x=\"8\" y=\"38\">right of 1: met (blue); left of it: missed (orange). "
               "Beside each line: what was measured, and the bar.</text>\n");
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
        double x = place(ticks[i]);
        fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\"/>\n", x,
                TOP - 4, x, height - 8, ticks[i] == 1 ? "#000" : "#ddd");
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x, TOP - 8,
                ticks[i]);
    }
}

static void plot_line(FILE *f, const Line *l, int y) {
    double margin = line_margin(l), from = place(fmin(1, margin)), to = place(fmax(1, margin));
    fprintf(f, "<text x=\"16\" y=\"%d\">", y + 11);
    plot_text(f, l->name);
    fprintf(f, "</text><text x=\"262\" y=\"%d\" class=\"a\">", y + 11);
    plot_text(f, l->against);
    fprintf(f, "</text><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"11\" fill=\"%s\"/>", from,
            y + 2, fmax(to - from, 1), line_met(l) ? "#3b76b0" : "#e08030");
    fprintf(f, "<text x=\"%d\" y=\"%d\">%.2f x %s, %s %.4g</text>\n", LEFT + WIDTH + 10, y + 11,
            l->ratio, l->sense == FASTER ? "speed" : "time",
            l->sense == FASTER ? "at least" : "at most", l->bar);
}

static void plot_lines(FILE *f) {
    const char *section = "";
    int y = TOP;
    for (int i = 0; i < n_lines; i++) {
        if (!lines[i].bar)
            continue;
        if (strcmp(section, lines[i].model)) {
            section = lines[i].model;
            fprintf(f, "<text x=\"8\" y=\"%d\" class=\"h\">", y + 16);
            plot_text(f, section);
            fprintf(f, "</text>\n");
            y += STEP + 6;
        }
        plot_line(f, &lines[i], y);
        y += STEP;
    }
}

static int plot_height(void) {
    const char *section = "";
    int height = TOP + 16;
    for (int i = 0; i < n_lines; i++) {
        if (!lines[i].bar)
            continue;
        height += STEP + (strcmp(section, lines[i].model) ? STEP + 6 : 0);
        section = lines[i].model;
    }
    return height;
}

void report_end(FILE *plot) {
    int bars = 0, met = 0;
    for (int i = 0; i < n_lines; i++) {
        bars += lines[i].bar != 0;
        met += lines[i].bar != 0 && line_met(&lines[i]);
    }
    printf("\n%d of %d bars met\n", met, bars);
    if (!plot)
        return;
    int height = plot_height();
    fprintf(plot,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
            "height=\"%d\">\n<style>text{font:11px sans-serif}"
            ".h{font-weight:bold;font-size:12px}.a{fill:#666}</style>\n<rect width=\"100%%\" "
            "height=\"100%%\" "
            "fill=\"#fff\"/>\n",
            LEFT + WIDTH + 200, height);
    plot_axis(plot, height);
    plot_lines(plot);
    fprintf(plot, "</svg>\n");
}
