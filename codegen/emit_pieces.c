/* Large functions in pieces; see emit.h.
 *
 * LLVM's code generator takes more than linear time in the size of a function. So a body of many
 * instructions becomes several functions piece(frame), which the exported one calls one after the
 * other, each with the next instructions of the body. They are emitted like any other code, with
 * the builder in that function; what one uses of another is found afterwards, operand by operand:
 * it is stored into the frame, an array on the stack of the exported function, right behind where
 * it is made, and loaded at the start of each piece that uses it. Pieces run once each and in
 * order, so whatever dominated a use still comes before it. Memory on the stack belongs to the
 * exported function, whose entry block stays that of all pieces. */
#include "codegen/emit.h"

#include <llvm-c/Target.h>

/* Operations, those inside loops included, of a body that is worth cutting, and of a piece. */
enum { LARGE_BODY = 1500, PIECE = 400 };

typedef struct Pieces {
    Emit *e;
    LLVMValueRef outer, frame;
    VEC(LLVMValueRef) functions;
    PtrMap places; /* LLVMValueRef -> 1 + its place in the frame */
    int n_places;  /* of 8 bytes */
    LLVMBuilderRef at;
} Pieces;

static int weight(const Inst *inst) {
    int n = 1;
    for (int k = 0; k < inst->n_region; k++) {
        n += ir_count(inst->regions[k]);
    }
    return n;
}

/* A debugger wants the function whole, and so does what watches its operations. */
static bool is_cut(const CodegenOptions *options, const IrModule *m, const Region *body) {
    return !options->debug && !m->watched && ir_count(body) > (m->piece > 0 ? 0 : LARGE_BODY);
}

int emit_largest_piece(const CodegenOptions *options, const IrModule *m, const Region *body) {
    if (!is_cut(options, m, body)) {
        return ir_count(body);
    }
    int most = 0;
    for (int i = 0; i < body->insts.n; i++) {
        int n = weight(body->insts.data[i]);
        most = n > most ? n : most;
    }
    return most + PIECE;
}

/* ---- a piece ---- */

static LLVMTypeRef piece_type(Emit *e) {
    return LLVMFunctionType(e->i32, &e->ptr, 1, false);
}

static void enter(Pieces *p) {
    Emit *e = p->e;
    const char *name = arena_printf(e->arena, "%s.piece", e->export->name);
    LLVMValueRef function = LLVMAddFunction(e->module, name, piece_type(e));
    LLVMSetLinkage(function, LLVMInternalLinkage);
    emit_function_attributes(e, function);
    vec_push(e->arena, &p->functions, function);
    e->function = function;
    e->failure = NULL;
    LLVMAppendBasicBlockInContext(e->llvm, function, "entry");
    LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->llvm, function, "body"));
}

static void leave(Pieces *p, LLVMBasicBlockRef here, LLVMBasicBlockRef failure,
                  LLVMValueRef failure_status) {
    Emit *e = p->e;
    LLVMValueRef piece = e->function;
    LLVMBuildRet(e->builder, LLVMConstInt(e->i32, 0, false));
    bool can_fail = e->failure != NULL;
    e->function = p->outer;
    e->failure = failure;
    e->failure_status = failure_status;
    LLVMPositionBuilderAtEnd(e->builder, here);
    LLVMValueRef status = LLVMBuildCall2(e->builder, piece_type(e), piece, &p->frame, 1, "");
    if (can_fail) {
        emit_leave_unless_zero(e, status);
    }
}

/* Instructions of the body from number `i` on; returns the first that is left. */
static int emit_piece(Pieces *p, const Region *body, int i) {
    Emit *e = p->e;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), failure = e->failure;
    LLVMValueRef failure_status = e->failure_status;
    int size = e->m->piece > 0 ? e->m->piece : PIECE;
    enter(p);
    for (int n = 0; i < body->insts.n && n < size; i++) {
        n += weight(body->insts.data[i]);
        emit_inst(e, body->insts.data[i]);
    }
    leave(p, here, failure, failure_status);
    return i;
}

/* ---- values in the frame ---- */

LLVMValueRef emit_home_of(LLVMValueRef v) {
    if (LLVMIsAInstruction(v)) {
        return LLVMGetBasicBlockParent(LLVMGetInstructionParent(v));
    }
    return LLVMIsAArgument(v) ? LLVMGetParamParent(v) : NULL;
}

static LLVMValueRef address(Pieces *p, LLVMValueRef function, int place) {
    LLVMValueRef frame = function == p->outer ? p->frame : LLVMGetParam(function, 0);
    LLVMValueRef index = emit_i64(p->e, place);
    return LLVMBuildInBoundsGEP2(p->at, p->e->i64, frame, &index, 1, "");
}

/* Behind the value; what the entry block of the exported function makes is stored at its end. */
static void position_behind(Pieces *p, LLVMValueRef v, LLVMValueRef home) {
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(home);
    if (LLVMIsAArgument(v) || LLVMGetInstructionParent(v) == entry) {
        LLVMPositionBuilderBefore(p->at, LLVMGetBasicBlockTerminator(entry));
        return;
    }
    LLVMValueRef next = LLVMGetNextInstruction(v);
    while (LLVMIsAPHINode(next)) {
        next = LLVMGetNextInstruction(next);
    }
    LLVMPositionBuilderBefore(p->at, next);
}

static int place_of(Pieces *p, LLVMValueRef v) {
    int known = (int)(intptr_t)ptrmap_get(&p->places, v);
    if (known) {
        return known - 1;
    }
    int place = p->n_places;
    ptrmap_put(&p->places, v, (void *)(intptr_t)(place + 1));
    p->n_places += (int)((LLVMABISizeOfType(p->e->target->layout, LLVMTypeOf(v)) + 7) / 8);
    LLVMValueRef home = emit_home_of(v);
    position_behind(p, v, home);
    LLVMSetAlignment(LLVMBuildStore(p->at, v, address(p, home, place)), 8);
    return place;
}

static LLVMValueRef load(Pieces *p, LLVMValueRef function, LLVMTypeRef type, int place) {
    LLVMValueRef loaded = LLVMBuildLoad2(p->at, type, address(p, function, place), "");
    LLVMSetAlignment(loaded, 8);
    return loaded;
}

/* In a piece, once at its start; in the exported function, which uses few, in front of the use. */
static LLVMValueRef fetch(Pieces *p, LLVMValueRef function, LLVMValueRef user, unsigned operand,
                          PtrMap *loaded) {
    LLVMValueRef v = LLVMGetOperand(user, operand);
    LLVMValueRef known = ptrmap_get(loaded, v);
    if (known) {
        return known;
    }
    int place = place_of(p, v);
    if (function == p->outer) {
        LLVMValueRef before = user;
        if (LLVMIsAPHINode(user)) {
            before = LLVMGetBasicBlockTerminator(LLVMGetIncomingBlock(user, operand));
        }
        LLVMPositionBuilderBefore(p->at, before);
        return load(p, function, LLVMTypeOf(v), place);
    }
    LLVMPositionBuilderAtEnd(p->at, LLVMGetEntryBasicBlock(function));
    LLVMValueRef value = load(p, function, LLVMTypeOf(v), place);
    ptrmap_put(loaded, v, value);
    return value;
}

static void connect(Pieces *p, LLVMValueRef function) {
    PtrMap loaded;
    ptrmap_init(&loaded, p->e->arena);
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(function); block;
         block = LLVMGetNextBasicBlock(block)) {
        for (LLVMValueRef inst = LLVMGetFirstInstruction(block); inst;
             inst = LLVMGetNextInstruction(inst)) {
            for (int k = 0; k < LLVMGetNumOperands(inst); k++) {
                LLVMValueRef v = LLVMGetOperand(inst, (unsigned)k),
                             home = v ? emit_home_of(v) : NULL;
                if (home && home != function) {
                    LLVMValueRef value = fetch(p, function, inst, (unsigned)k, &loaded);
                    LLVMSetOperand(inst, (unsigned)k, value);
                }
            }
        }
    }
}

/* ---- the whole ---- */

bool emit_in_pieces(Emit *e, const Region *body) {
    if (!is_cut(e->options, e->m, body)) {
        return false;
    }
    Pieces *p = ARENA_NEW(e->arena, Pieces);
    p->e = e;
    p->outer = e->function;
    ptrmap_init(&p->places, e->arena);
    p->frame = LLVMBuildArrayAlloca(e->entry, e->i64, emit_i64(e, 1), "frame");
    LLVMSetAlignment(p->frame, 64);
    for (int i = 0; i < body->insts.n;) {
        i = emit_piece(p, body, i);
    }
    e->pieces = p;
    return true;
}

void emit_connect_pieces(Emit *e) {
    Pieces *p = e->pieces;
    if (!p) {
        return;
    }
    p->at = e->entry; /* the entry block is complete */
    connect(p, p->outer);
    for (int k = 0; k < p->functions.n; k++) {
        connect(p, p->functions.data[k]);
    }
    for (int k = 0; k < p->functions.n; k++) {
        LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(p->functions.data[k]);
        LLVMPositionBuilderAtEnd(p->at, entry);
        LLVMBuildBr(p->at, LLVMGetNextBasicBlock(entry));
    }
    LLVMSetOperand(p->frame, 0, emit_i64(e, p->n_places > 0 ? p->n_places : 1));
    e->pieces = NULL;
}
