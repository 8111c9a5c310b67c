/* Elementwise operations and conversions of the interpreter, element by element through
 * eval_math.c. An addition to an acc is done in place. Called by eval.c only. */
#include "ir/eval_internal.h"
#include "ir/eval_math.h"

#include <fenv.h>
#include <math.h>

/* Element k of an operand as a double. */
static double number_at(const Datum *d, int64_t k) {
    return type_is_float(d->type) ? d->f[k] : (double)d->i[k];
}

static bool gather(Eval *e, const Inst *inst, const Datum **in) {
    for (int i = 0; i < inst->n_in; i++) {
        in[i] = eval_get(e, inst->in[i]);
        if (in[i]->count != in[0]->count) {
            return eval_fail(e, inst->loc, "%s: operands of different sizes",
                             op_info[inst->op].name);
        }
    }
    return true;
}

/* Where a directed rounding mode is set, to learn what rounding does, functions that libm rounds to
 * the nearest in any mode move by their last place as well. Whole numbers may be exact, and stay.
 */
static double directed(int mode, double r) {
    if (mode == FE_TONEAREST || r == rint(r)) {
        return r;
    }
    return nextafter(r, mode == FE_UPWARD ? (double)INFINITY : -(double)INFINITY);
}

static void on_floats(const Inst *inst, const Datum *const *in, Datum *out) {
    EvalFn *row = eval_function(inst->op);
    int mode = op_info[inst->op].cost >= DEAR_COST ? fegetround() : FE_TONEAREST;
    for (int64_t k = 0; k < in[0]->count; k++) {
        double x[3] = {0, 0, 0};
        for (int i = 0; i < inst->n_in; i++) {
            x[i] = number_at(in[i], k);
        }
        double r = directed(mode, row(x[0], x[1], x[2]));
        if (type_is_float(out->type)) {
            out->f[k] = eval_round(out->type->elem, r);
        } else {
            out->i[k] = r != 0;
        }
    }
}

static bool on_integers(Eval *e, const Inst *inst, const Datum *const *in, Datum *out) {
    Scalar elem = in[inst->n_in > 1 ? 1 : 0]->type->elem;
    for (int64_t k = 0; k < in[0]->count; k++) {
        int64_t x[3] = {0, 0, 0};
        for (int i = 0; i < inst->n_in; i++) {
            x[i] = in[i]->i[k];
        }
        if (!eval_integer(inst->op, elem, x[0], x[1], x[2], &out->i[k])) {
            return eval_fail(e, inst->loc, "integer division by zero");
        }
    }
    return true;
}

static void convert(const Datum *in, Datum *out) {
    Scalar to = out->type->elem;
    bool from_float = type_is_float(in->type);
    for (int64_t k = 0; k < in->count; k++) {
        if (to == S_f32) {
            out->f[k] = from_float ? (double)(float)in->f[k] : (double)(float)in->i[k];
        } else if (to == S_f64) {
            out->f[k] = number_at(in, k);
        } else {
            out->i[k] = from_float ? eval_float_to_int(to, in->f[k]) : eval_wrap(to, in->i[k]);
        }
    }
}

bool eval_elementwise_inst(Eval *e, const Inst *inst) {
    const Datum *in[3];
    if (!gather(e, inst, in)) {
        return false;
    }
    Datum *out;
    if (inst->out[0]->is_acc) {
        eval_alias(e, inst->out[0], in[0]);
        out = eval_get(e, inst->out[0]);
    } else {
        out = eval_place(e, inst->out[0], inst->loc);
    }
    if (!out) {
        return false;
    }
    if (inst->op == OP_convert) {
        convert(in[0], out);
        return true;
    }
    if (type_is_float(in[inst->op == OP_select ? 1 : 0]->type)) {
        on_floats(inst, in, out);
        return true;
    }
    return on_integers(e, inst, in, out);
}
