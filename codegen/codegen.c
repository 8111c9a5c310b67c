/* From a module of the IR to LLVM text, assembly or an object in memory; see codegen.h.
 *
 * Everything of LLVM lives as long as one call: context, module and builders are made and disposed
 * of here, also when memory runs out in between (that unwinds through here). */
#include "codegen/emit.h"

#include <llvm-c/Analysis.h>
#include <string.h>

/* ---- buffers ---- */

void codebuffer_free(CodeBuffer *buffer) {
    if (buffer->alloc) {
        buffer->alloc->release(buffer->alloc->user, buffer->data);
    }
    memset(buffer, 0, sizeof *buffer);
}

static bool fill(Context *ctx, CodeBuffer *out, const char *data, size_t size) {
    out->data = ctx->alloc.alloc(ctx->alloc.user, size ? size : 1);
    if (!out->data) {
        diag_error(&ctx->diags, DIAG_out_of_memory, (Loc){0, 0}, "out of memory");
        return false;
    }
    out->alloc = &ctx->alloc;
    out->size = size;
    memcpy(out->data, data, size);
    return true;
}

/* ---- exports without descriptors ---- */

static Param plain_param(Atom name, const Type *type) {
    return (Param){.name = name, .type = type};
}

static Atom param_name(IrModule *m, const Value *param) {
    if (param->name) {
        return param->name;
    }
    const char *text = arena_printf(m->keep, "arg%d", param->index);
    return atom_of(&m->ctx->atoms, text);
}

static void describe(IrModule *m, Export *export) {
    const Region *body = export->func->body;
    export->n_params = body->params.n;
    export->params = ARENA_ARRAY(m->keep, body->params.n + 1, Param);
    for (int k = 0; k < body->params.n; k++) {
        export->params[k] =
            plain_param(param_name(m, body->params.data[k]), body->params.data[k]->type);
    }
    export->n_results = body->yields.n;
    export->results = ARENA_ARRAY(m->keep, body->yields.n + 1, Param);
    for (int k = 0; k < body->yields.n; k++) {
        const char *name = body->yields.n == 1 ? "out" : arena_printf(m->keep, "out%d", k);
        export->results[k] = plain_param(atom_of(&m->ctx->atoms, name), body->yields.data[k]->type);
    }
}

void codegen_default_exports(IrModule *m) {
    for (int k = 0; k < m->exports.n; k++) {
        Export *export = m->exports.data[k];
        if (!export->params && !export->results) {
            describe(m, export);
        }
    }
}

/* ---- emission ---- */

static void create_module(Emit *e) {
    e->llvm = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext(e->module_name, e->llvm);
    for (int i = 0; i < 3; i++) {
        e->owned[i] = LLVMCreateBuilderInContext(e->llvm);
    }
    e->builder = e->owned[0];
    e->entry = e->owned[1];
    e->sizes_at = e->owned[2];
    LLVMSetTarget(e->module, e->target->triple);
    LLVMSetModuleDataLayout(e->module, e->target->layout);
    e->void_type = LLVMVoidTypeInContext(e->llvm);
    e->i1 = LLVMInt1TypeInContext(e->llvm);
    e->i8 = LLVMInt8TypeInContext(e->llvm);
    e->i32 = LLVMInt32TypeInContext(e->llvm);
    e->i64 = LLVMInt64TypeInContext(e->llvm);
    e->f32 = LLVMFloatTypeInContext(e->llvm);
    e->f64 = LLVMDoubleTypeInContext(e->llvm);
    e->ptr = LLVMPointerTypeInContext(e->llvm, 0);
    e->math = (VecMath){
        .ctx = e->llvm,
        .module = e->module,
        .builder = e->builder,
        .target_cpu = e->target->cpu,
        .target_features = e->target->features,
        .has_fma = e->target->has_fma,
        .has_avx512 = e->target->has_masks,
        .slow_division = e->target->slow_division,
        .exact_libm = e->options->opt_level == 0,
        .calls = MATH_CALLS_auto,
    };
}

static void dispose_module(Emit *e) {
    if (e->llvm) {
        for (int i = 0; i < 3; i++) {
            LLVMDisposeBuilder(e->owned[i]);
        }
        LLVMDisposeModule(e->module);
        LLVMContextDispose(e->llvm);
    }
}

static bool report(Context *ctx, char *message) {
    diag_error(&ctx->diags, DIAG_codegen, (Loc){0, 0}, "%s",
               message ? message : "unknown error of LLVM");
    LLVMDisposeMessage(message);
    return false;
}

static bool build(Emit *e) {
    if (e->options->debug) {
        e->debug = debug_new(e);
    }
    for (int k = 0; k < e->m->exports.n && !e->failed; k++) {
        emit_export(e, e->m->exports.data[k]);
    }
    if (e->failed) {
        return false;
    }
    emit_error_function(e);
    debug_finish(e);
    char *message = NULL;
    if (LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message)) {
        return report(e->ctx, message);
    }
    LLVMDisposeMessage(message);
    return true;
}

static bool write_out(Emit *e, EmitKind kind, CodeBuffer *out) {
    if (kind == EMIT_llvm) {
        char *text = LLVMPrintModuleToString(e->module);
        bool filled = fill(e->ctx, out, text, strlen(text));
        LLVMDisposeMessage(text);
        return filled;
    }
    LLVMMemoryBufferRef memory = NULL;
    char *message = NULL;
    LLVMCodeGenFileType type = kind == EMIT_asm ? LLVMAssemblyFile : LLVMObjectFile;
    if (LLVMTargetMachineEmitToMemoryBuffer(e->target->machine, e->module, type, &message,
                                            &memory)) {
        return report(e->ctx, message);
    }
    bool filled = fill(e->ctx, out, LLVMGetBufferStart(memory), LLVMGetBufferSize(memory));
    LLVMDisposeMemoryBuffer(memory);
    return filled;
}

/* LLVM's better code generator takes more than linear time; beyond this it is not worth waiting
 * for. */
static bool is_huge(const IrModule *m, const CodegenOptions *options) {
    enum { HUGE_FUNCTION = 20000 };
    for (int k = 0; k < m->exports.n; k++) {
        if (emit_largest_piece(options, m, m->exports.data[k]->func->body) > HUGE_FUNCTION) {
            return true;
        }
    }
    return false;
}

typedef struct Session {
    Arena arena;
    Target target;
    Emit emit;
    CodeBuffer *out;
} Session;

static bool run(Session *s, Context *ctx, IrModule *m, const CodegenOptions *options,
                EmitKind kind) {
    if (!target_open(ctx, &s->arena, options, options->plain || is_huge(m, options), &s->target)) {
        return false;
    }
    codegen_default_exports(m);
    const char *name = options->module_name ? options->module_name : m->name;
    s->emit = (Emit){.ctx = ctx,
                     .m = m,
                     .arena = &s->arena,
                     .options = options,
                     .target = &s->target,
                     .module_name = name};
    create_module(&s->emit);
    return build(&s->emit) && write_out(&s->emit, kind, s->out);
}

static void end(Session *s) {
    debug_dispose(&s->emit);
    dispose_module(&s->emit);
    target_close(&s->target);
    arena_free(&s->arena);
}

bool codegen_emit(Context *ctx, IrModule *m, const CodegenOptions *options, EmitKind kind,
                  CodeBuffer *out) {
    memset(out, 0, sizeof *out);
    Session session;
    memset(&session, 0, sizeof session);
    session.out = out;
    arena_init(&session.arena, &ctx->alloc);
    jmp_buf here, *outer = ctx->alloc.oom;
    if (outer && setjmp(here) != 0) { /* memory ran out: clean up, then unwind further */
        ctx->alloc.oom = outer;
        end(&session);
        longjmp(*outer, 1);
    }
    ctx->alloc.oom = outer ? &here : NULL;
    bool done = run(&session, ctx, m, options, kind);
    ctx->alloc.oom = outer;
    end(&session);
    return done;
}
