/* What `bpc explain` knows: of each code its meaning, and an example with and without it. The texts
 * stand in support/diags.def and support/examples.def; the test of the latter runs every example.
 * Pure. */
#include "support/diag.h"

#include <string.h>

typedef struct Explanation {
    DiagCode code;
    const char *name, *text;
} Explanation;

static const Explanation explanations[] = {
#define DIAG(number, name, explanation) {DIAG_##name, #name, explanation},
#include "support/diags.def"
#undef DIAG
};

typedef struct Example {
    DiagCode code;
    const char *wrong, *right; /* NULL: it cannot be shown */
} Example;

static const Example examples[] = {
#define EXAMPLE(name, wrong, right) {DIAG_##name, wrong, right},
#include "support/examples.def"
#undef EXAMPLE
};

enum {
    EXPLANATIONS = sizeof explanations / sizeof explanations[0],
    EXAMPLES = sizeof examples / sizeof examples[0],
    LINE_WIDTH = 100
};

static const Explanation *find(DiagCode code) {
    for (int i = 0; i < EXPLANATIONS; i++)
        if (explanations[i].code == code)
            return &explanations[i];
    return NULL;
}

const char *diag_explain(DiagCode code) {
    const Explanation *found = find(code);
    return found ? found->text : NULL;
}

/* Words, with line ends in place of blanks. */
static void add_wrapped(Text *out, const char *text) {
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > LINE_WIDTH) {
            text_puts(out, "\n");
            column = 0;
        }
        text_puts(out, column > 0 ? " " : "");
        text_add(out, text, word);
        column += word + (column > 0);
        text += word + strspn(text + word, " ");
    }
    text_puts(out, "\n");
}

static void add_indented(Text *out, const char *text) {
    while (*text) {
        size_t n = strcspn(text, "\n");
        text_printf(out, "    %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

bool diag_explain_fully(Text *out, DiagCode code) {
    const Explanation *found = find(code);
    if (!found)
        return false;
    text_printf(out, "E%04d: ", (int)code);
    add_wrapped(out, found->text);
    for (int i = 0; i < EXAMPLES; i++) {
        if (examples[i].code != code || !examples[i].wrong)
            continue;
        text_puts(out, "\nWrong:\n\n");
        add_indented(out, examples[i].wrong);
        text_puts(out, "\nRight:\n\n");
        add_indented(out, examples[i].right);
    }
    return true;
}

void diag_list_codes(Text *out) {
    for (int i = 0; i < EXPLANATIONS; i++) {
        text_printf(out, "E%04d  ", (int)explanations[i].code);
        for (const char *c = explanations[i].name; *c; c++)
            text_add(out, *c == '_' ? " " : c, 1);
        text_puts(out, "\n");
    }
}
