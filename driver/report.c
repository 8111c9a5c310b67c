/* See driver/report.h. */
#include "driver/report.h"

void report_text(Text *out, const Context *ctx, bool color) {
    const DiagList *diags = &ctx->diags;
    for (int i = 0; i < diags->items.n; i++)
        diag_render(out, &ctx->sources, diags->items.data[i], color);
    if (diags->errors > diags->limit)
        text_printf(out, "%d errors, the first %d shown\n", diags->errors, diags->limit);
    else if (diags->errors > 1)
        text_printf(out, "%d errors\n", diags->errors);
}

/* Bytes of the UTF-8 character at s, 0 where there is none. */
static int utf8_length(const char *s) {
    unsigned char c = (unsigned char)*s;
    int n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : 4;
    if ((c >= 0x80 && c < 0xC2) || c > 0xF4)
        return 0;
    for (int k = 1; k < n; k++)
        if (((unsigned char)s[k] & 0xC0) != 0x80)
            return 0;
    bool overlong =
        (c == 0xE0 && (unsigned char)s[1] < 0xA0) || (c == 0xF0 && (unsigned char)s[1] < 0x90);
    bool beyond =
        (c == 0xED && (unsigned char)s[1] >= 0xA0) || (c == 0xF4 && (unsigned char)s[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

/* JSON is UTF-8, which names of files and what stands in them need not be. */
static void json_string(Text *out, const char *s) {
    text_puts(out, "\"");
    for (int n; *s; s += n > 0 ? n : 1) {
        unsigned char c = (unsigned char)*s;
        n = utf8_length(s);
        if (n == 0)
            text_puts(out, "\\ufffd");
        else if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c < 32 || c == 127)
            text_printf(out, "\\u%04x", c);
        else
            text_add(out, s, (size_t)n);
    }
    text_puts(out, "\"");
}

static void json_label(Text *out, const Context *ctx, const DiagLabel *label) {
    Position at = source_position(&ctx->sources, label->loc.begin);
    text_puts(out, "{\"file\":");
    json_string(out, at.file);
    text_printf(out, ",\"line\":%u,\"column\":%u,\"length\":%u", at.line, at.column,
                label->loc.end - label->loc.begin);
    if (label->text) {
        text_puts(out, ",\"text\":");
        json_string(out, label->text);
    }
    text_puts(out, "}");
}

static void json_diag(Text *out, const Context *ctx, const Diag *diag) {
    static const char *const severities[] = {"error", "warning", "note"};
    text_printf(out,
                "{\"severity\":\"%s\",\"code\":\"E%04d\",\"message\":", severities[diag->severity],
                (int)diag->code);
    json_string(out, diag->message);
    text_puts(out, ",\"labels\":[");
    for (int i = 0, shown = 0; i < diag->label_count; i++) {
        if (!source_of(&ctx->sources, diag->labels[i].loc))
            continue;
        text_puts(out, shown++ ? "," : "");
        json_label(out, ctx, &diag->labels[i]);
    }
    DiagLabel call = diag_call(&ctx->sources, diag);
    if (source_of(&ctx->sources, call.loc)) {
        text_puts(out, ",");
        json_label(out, ctx, &call);
    }
    text_puts(out, "],\"notes\":[");
    for (int i = 0; i < diag->note_count; i++) {
        text_puts(out, i ? "," : "");
        json_string(out, diag->notes[i]);
    }
    text_puts(out, "]");
    if (diag->hint) {
        text_puts(out, ",\"hint\":");
        json_string(out, diag->hint);
    }
    text_puts(out, "}\n");
}

void report_json(Text *out, const Context *ctx) {
    for (int i = 0; i < ctx->diags.items.n; i++)
        json_diag(out, ctx, ctx->diags.items.data[i]);
}
