# bpc: one Makefile, no recursion into folders. `make help` lists the targets.
#
# Sources are found by wildcard: a new .c file in a layer's folder needs no edit here.
#   lexer/X.l   -> $(BUILD)/gen/lexer/X.lex.c,  X.lex.h    include "lexer/X.lex.h"
#   parser/X.y  -> $(BUILD)/gen/parser/X.tab.c, X.tab.h    include "parser/X.tab.h"
#   std/*.bp    -> $(BUILD)/gen/std/files.inc              rows STD_FILE(path, bytes), see scripts/embed
#   driver/*_main.c are programs; everything else is the library.
# Variables: CC=clang-19  LLVM_CONFIG=llvm-config-22  BUILD=dir  SANITIZE=address,undefined
#            TESTS=test/ir (what `make check` runs)  LITFLAGS=-v  PREFIX=/usr/local  DESTDIR=

ifeq ($(origin CC),default)
CC := gcc
endif
LLVM_CONFIG ?= llvm-config-19
BUILD       ?= build
PREFIX      ?= /usr/local
CFLAGS      ?= -O2 -g
TESTS       ?= test
LITFLAGS    ?= -sv --no-progress-bar
BENCH_CC    ?= clang-19
SANITIZE    ?=

# Linked statically a program starts 11 ms sooner; LLVM's static libraries, and what they need, are not everywhere.
LLVM_LINK   ?= static shared

# Asked of llvm-config once, and only when a recipe needs it: on a bare machine it is not there before `setup`.
once = $(eval $(1) := $$(shell $(2)))$($(1))
LLVM_INCLUDE = $(call once,LLVM_INCLUDE,$(LLVM_CONFIG) --includedir)
LLVM_LIBS    = $(call once,LLVM_LIBS,$(LLVM_CONFIG) --ldflags --libs --link-shared)
LLVM_STATIC  = $(call once,LLVM_STATIC,$(LLVM_CONFIG) --ldflags --link-static --libs all-targets core orcjit 2>/dev/null)
LLVM_BIN     = $(call once,LLVM_BIN,$(LLVM_CONFIG) --bindir)
LLVM_PREFIX  = $(call once,LLVM_PREFIX,$(LLVM_CONFIG) --prefix)

LIT          = $(or $(wildcard $(LLVM_PREFIX)/build/utils/lit/lit.py),$(LLVM_BIN)/lit)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wvla -Wwrite-strings -Werror
LOOSE    := -Wall -Wno-unused-function -Wno-unused-parameter -Wno-unused-but-set-variable \
            -Wno-sign-compare
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
CPPFLAGS += -D_GNU_SOURCE -I. -I$(BUILD)/gen -isystem $(LLVM_INCLUDE)
BASEFLAGS = -std=c17 $(CFLAGS) $(SANFLAGS) -fPIC -fvisibility=hidden -MMD -MP
LDLIBS    = $(LLVM_LIBS) -lm -lpthread

# One line a file; `make V=1` shows whole commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1))

layers_dirs := support lexer parser ir passes codegen runtime driver
scanners := $(wildcard lexer/*.l)
grammars := $(wildcard parser/*.y)
std_files := $(wildcard std/*.bp)
sources  := $(wildcard $(layers_dirs:%=%/*.c))
mains    := $(filter %_main.c,$(sources))
lib_srcs := $(filter-out $(mains),$(sources))
gen_c    := $(scanners:%.l=$(BUILD)/gen/%.lex.c) $(grammars:%.y=$(BUILD)/gen/%.tab.c)
gen_h    := $(gen_c:.c=.h) $(BUILD)/gen/std/files.inc
lib_objs := $(lib_srcs:%.c=$(BUILD)/obj/%.o) $(gen_c:$(BUILD)/gen/%.c=$(BUILD)/obj/gen/%.o)
main_objs := $(mains:%.c=$(BUILD)/obj/%.o)
programs := $(patsubst driver/%_main.c,%,$(mains))
programs := $(addprefix $(BUILD)/,$(subst _,-,$(programs)))

demo     := $(BUILD)/demo

# As many jobs as cores unless told otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all demo check bench asan coverage fuzz fuzz-build generate metamorphic mutation oom ulp layers format tidy help install clean

all: $(programs) $(BUILD)/libbpc.a $(BUILD)/libbpc.so $(BUILD)/libbpcrt.a ## build bpc, bpc-opt and libbpc into build/

demo: all ## install what is missing, build, train the digits classifier through bpc
	@echo "bpc examples/digits/digits.bp -o $(demo)/digits.o"
	@mkdir -p $(demo) && $(BUILD)/bpc examples/digits/digits.bp -o $(demo)/digits.o
	$(CC) -O2 -I$(demo) examples/digits/host.c $(demo)/digits.o -lm -o $(demo)/digits
	$(demo)/digits examples/digits/digits.csv

check: all layers $(BUILD)/oracle $(BUILD)/ulp ## install what is missing, build, run every test
	@LLVM_CONFIG=$(LLVM_CONFIG) scripts/setup clang
	@scripts/setup valgrind || echo "no valgrind: its test is left out"
	@scripts/setup cross || echo "no compiler and emulator for aarch64: its test is left out"
	@$(lit_env) python3 $(LIT) $(LITFLAGS) \
	    --output $(BUILD)/test-results.json $(TESTS)

asan: ## the tests again, under the address and undefined-behaviour sanitizers
	@$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address,undefined CFLAGS='-O1 -g' check

coverage: ## the tests again, counting lines: a table by folder; every line that nothing ran, in build/coverage/uncovered
	@mkdir -p $(BUILD)/coverage && find $(BUILD)/coverage -name '*.gcda' -delete
	@$(MAKE) BUILD=$(BUILD)/coverage CC=gcc CFLAGS='-O1 -g --coverage' LDFLAGS=--coverage check; tests=$$?; \
	scripts/coverage $(BUILD)/coverage/obj --lines $(BUILD)/coverage/uncovered --least ir=95 passes=95 whole=90 && \
	exit $$tests

clean: ## remove everything that was built
	rm -rf $(BUILD)

# ---- building ------------------------------------------------------------------------------------

setup := $(BUILD)/.setup
$(setup): scripts/setup
	@LLVM_CONFIG=$(LLVM_CONFIG) scripts/setup build $(if $(findstring clang-19,$(CC)),$(if $(SANITIZE),sanitizers,clang))
	@mkdir -p $(@D) && touch $@

$(BUILD)/gen/%.lex.c $(BUILD)/gen/%.lex.h &: %.l | $(setup)
	@mkdir -p $(@D)
	$(call say,FLEX $@)
	$(Q)flex -o $(BUILD)/gen/$*.lex.c --header-file=$(BUILD)/gen/$*.lex.h $<

$(BUILD)/gen/%.tab.c $(BUILD)/gen/%.tab.h &: %.y | $(setup)
	@mkdir -p $(@D)
	$(call say,BISON $@)
	$(Q)bison -Wall -o $(BUILD)/gen/$*.tab.c --header=$(BUILD)/gen/$*.tab.h $<

$(BUILD)/gen/std/files.inc: scripts/embed $(std_files) | $(setup)
	@mkdir -p $(@D)
	$(call say,EMBED $@)
	$(Q)scripts/embed $(std_files) > $@

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c | $(gen_h) $(setup)
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(BASEFLAGS) $(LOOSE) $(CPPFLAGS) -c $< -o $@

$(BUILD)/obj/%.o: %.c | $(gen_h) $(setup)
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(BASEFLAGS) $(WARNINGS) $(CPPFLAGS) -c $< -o $@

$(BUILD)/libbpc.a: $(lib_objs)
	@rm -f $@
	$(call say,AR $@)
	$(Q)ar rcs $@ $^

# What hosts link beside objects compiled with --threads; they do not count lines.
$(BUILD)/obj/runtime/%.o: override CFLAGS := $(filter-out --coverage,$(CFLAGS))
$(BUILD)/libbpcrt.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard runtime/*.c))
	@rm -f $@
	$(call say,AR $@)
	$(Q)ar rcs $@ $^

$(BUILD)/libbpc.so: $(lib_objs)
	$(call say,LD $@)
	$(Q)$(CC) -shared $(SANFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

program_main = $(BUILD)/obj/driver/$(subst -,_,$(1))_main.o
.SECONDEXPANSION:
link_static = $(CC) -no-pie -Wl,--gc-sections $(LDFLAGS) $(1) $(LLVM_STATIC) -static-libgcc -l:libstdc++.a -lm -lpthread -ldl \
                  -l:libz.so.1 -l:libzstd.so.1 -o $(2) 2>/dev/null
link_shared = $(CC) $(SANFLAGS) $(LDFLAGS) $(1) $(LDLIBS) -o $(2)
$(programs): $(BUILD)/%: $$(call program_main,$$*) $(BUILD)/libbpc.a
	$(call say,LD $@)
	$(Q)$(if $(SANFLAGS),,$(if $(filter static,$(LLVM_LINK)),$(call link_static,$^,$@) ||)) $(call link_shared,$^,$@)

-include $(lib_objs:.o=.d) $(main_objs:.o=.d)

# ---- tests ---------------------------------------------------------------------------------------

# What test/lit.cfg.py needs to know; a C test is built with UNIT and linked with UNIT_LIBS.
lit_env = BPC_BUILD='$(abspath $(BUILD))' LLVM_BIN='$(LLVM_BIN)' BPC_CC='$(CC)' \
          BPC_SANITIZE='$(SANFLAGS)' BPC_BENCH_CC='$(BENCH_CC)' \
          UNIT='$(CC) -std=c17 -O1 -g $(SANFLAGS) -Wall -Wextra -D_GNU_SOURCE -I$(abspath .) \
                -I$(abspath $(BUILD)/gen) -isystem $(LLVM_INCLUDE)' \
          UNIT_LIBS='$(abspath $(BUILD)/libbpc.a) $(LDFLAGS) $(LDLIBS)'

# The oracles that programs are held against, test/numeric/Inputs/oracle/oracle.h.
oracle_objs := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard test/numeric/Inputs/oracle/*.c))
$(oracle_objs): WARNINGS := $(filter-out -Wpedantic,$(WARNINGS))
$(BUILD)/oracle: $(oracle_objs) $(BUILD)/libbpc.a
	$(call say,LD $@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@
-include $(oracle_objs:.o=.d)

# Accuracy against MPFR, test/numeric/Inputs/ulp/ulp.h. Where MPFR cannot be had its test is reported as unsupported.
ulp_srcs := $(wildcard test/numeric/Inputs/ulp/*.c)
ulp_deps := $(wildcard test/numeric/Inputs/ulp/*.h test/numeric/Inputs/ulp/*.def)
ulp_objs := $(filter %/build.o %/spec.o,$(oracle_objs))
$(BUILD)/ulp: $(ulp_srcs) $(ulp_deps) $(ulp_objs) $(BUILD)/libbpc.a
	@scripts/setup mpfr || echo "no MPFR: its test is left out"
	$(call say,LD $@)
	$(Q)if echo '#include <mpfr.h>' | $(CC) -E - >/dev/null 2>&1; then \
	    $(CC) -std=c17 -O1 -g $(SANFLAGS) $(filter-out -Wpedantic,$(WARNINGS)) $(CPPFLAGS) $(ulp_srcs) $(ulp_objs) \
	        $(BUILD)/libbpc.a $(LDFLAGS) $(LDLIBS) -lmpfr -lgmp -o $@; fi

ulp: all $(BUILD)/ulp ## the largest errors of the elementwise operations, against MPFR; the table of docs/language.md
	$(BUILD)/ulp --points $(or $(N),30000) --derivative-points 1000

generate: all $(BUILD)/oracle ## N (default 500) random programs through the oracles, from SEED (default: the clock); all configurations for one in FULL (20)
	test/generate/generate --oracle $(BUILD)/oracle --keep $(BUILD)/generate --count $(or $(N),500) \
	    --seed $(or $(SEED),fresh) $(if $(FULL),--full $(FULL))

metamorphic: all $(BUILD)/oracle ## N (default 200) random programs, rewritten in ways that mean the same, from SEED (default: the clock)
	test/generate/metamorphic --oracle $(BUILD)/oracle --keep $(BUILD)/metamorphic --count $(or $(N),200) \
	    --seed $(or $(SEED),fresh)

mutation: ## plant wrong lines in the derivative rules and passes, one at a time (hours; ONLY=REGEX)
	test/mutation/mutate --work $(BUILD)/mutation $(if $(ONLY),--only '$(ONLY)') --make "'CC=$(CC)'"

oom: all ## fail each piece of memory of compiling each model in turn, at OOM_LEVEL (default 0): some minutes
	$(CC) -std=c17 -O1 -g $(SANFLAGS) -D_GNU_SOURCE -DPIECES -I. test/driver/Inputs/every_allocation.c \
	    -o $(BUILD)/every_allocation $(BUILD)/libbpc.a $(LDFLAGS) $(LDLIBS)
	$(BUILD)/every_allocation $(or $(OOM_LEVEL),0) fork $(or $(OOM_MODELS),$(wildcard examples/models/*.bp))

layers: ## fail when an include crosses the layers of docs/architecture.md
	@scripts/layers

# ---- fuzzing: test/fuzz, three builds of the library by clang and AFL++ --------------------------

FUZZ         := $(BUILD)/fuzz
fuzz_targets := array text ir api
fuzz_msan    := array text ir
# Edges only: tracing comparisons too takes a third of the time, and the dictionary knows the words.
fuzz_make     = $(MAKE) -s CC=clang-19 CFLAGS='-O2 -g -fsanitize-coverage=inline-8bit-counters,pc-table' \
    LLVM_CONFIG=$(LLVM_CONFIG)

$(BUILD)/gen/tokens.inc: test/fuzz/dictionary lexer/lexer.l parser/grammar.y parser/build.c ir/ops.def parser/builtins.def passes/passes.def
	@mkdir -p $(@D)
	$(Q)test/fuzz/dictionary --rows > $@

$(BUILD)/obj/test/fuzz/tokens_mutator.o: $(BUILD)/gen/tokens.inc
$(BUILD)/text_fuzz $(BUILD)/ir_fuzz: $(BUILD)/obj/test/fuzz/evaluate.o $(BUILD)/obj/test/fuzz/tokens_mutator.o
# What test/fuzz/stand_in.c comes in front of.
wrapped      := __sanitizer_cov_8bit_counters_init __sanitizer_cov_pcs_init codegen_emit passes_run jit_new jit_define jit_add_object jit_lookup jit_problem jit_free
api_about    := $(patsubst %.c,$(BUILD)/obj/%.o,driver/libbpc.c codegen/jit.c $(wildcard support/*.c))
$(BUILD)/api_fuzz: private LDFLAGS += $(wrapped:%=-Wl,--wrap=%)
$(BUILD)/api_fuzz: $(BUILD)/obj/test/fuzz/api_fuzz.o $(BUILD)/obj/test/fuzz/fuzz.o $(api_about) $(BUILD)/obj/test/fuzz/stand_in.o
$(BUILD)/%_fuzz: $(BUILD)/obj/test/fuzz/%_fuzz.o $(BUILD)/obj/test/fuzz/fuzz.o $(BUILD)/libbpc.a
	$(call say,LD $@)
	$(Q)$(CC) $(SANFLAGS) -fsanitize=fuzzer $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -o $@
# AFL++'s macros are GNU C.
$(BUILD)/obj/test/fuzz/driver_afl.o: WARNINGS := $(filter-out -Wpedantic -Wconversion,$(WARNINGS))
$(BUILD)/obj/test/fuzz/bpc_main.o: $(BUILD)/obj/driver/bpc_main.o
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-sym main=bpc_main $< $@
$(BUILD)/driver_afl: $(addprefix $(BUILD)/obj/test/fuzz/,driver_afl.o fuzz.o bpc_main.o) $(BUILD)/libbpc.a
	$(call say,LD $@)
	$(Q)$(call link_shared,$^,$@)
-include $(wildcard $(BUILD)/obj/test/fuzz/*.d)

fuzz-build: all ## what `make fuzz` runs: targets, AFL++'s build of bpc, corpus, dictionary
	@LLVM_CONFIG=$(LLVM_CONFIG) scripts/setup sanitizers afl
	+$(fuzz_make) BUILD=$(FUZZ)/address SANITIZE=address,undefined \
	    $(fuzz_targets:%=$(FUZZ)/address/%_fuzz)
	+$(fuzz_make) BUILD=$(FUZZ)/memory SANITIZE=memory $(fuzz_msan:%=$(FUZZ)/memory/%_fuzz)
	+$(MAKE) -s BUILD=$(FUZZ)/afl CC=afl-clang-fast LLVM_CONFIG=$(LLVM_CONFIG) $(FUZZ)/afl/driver_afl
	test/fuzz/dictionary > $(FUZZ)/words.dict
	test/fuzz/corpus --bpc $(BUILD)/bpc $(FUZZ)/seeds

fuzz: fuzz-build ## libFuzzer and AFL++ under sanitizers, for FUZZ_SECONDS (default 600) in all; FUZZ_ONLY='text ir'
	test/fuzz/fuzz $(FUZZ) --seconds $(or $(FUZZ_SECONDS),600) $(FUZZ_ONLY)

# A row of the benchmark is one object: the row, the C by hand and what bpc makes of the model; only row_X and clock_X
# stay visible, so that models may export the same names.
BENCH         := $(BUILD)/bench
bench_rows    := digits mlp gmm ba lstm_elements lstm_f32 lstm_f64 black_scholes lotka logistic kalman chain arrays
# clang splits vectors of 512 bits unless told otherwise, in the C by hand and in what measures the peak.
bench_flags   := -std=c17 -O3 -march=native -mprefer-vector-width=512 -fno-math-errno -D_GNU_SOURCE -Wall -Wextra -I$(BENCH)
# Rows of one model in both widths share their sources.
bench_stem     = $(patsubst %_f32,%,$(patsubst %_f64,%,$(1)))
bench_model    = $(firstword $(wildcard bench/$(call bench_stem,$(1)).bp examples/models/$(1).bp examples/$(1)/$(1).bp))
bench_sources  = $(wildcard $(foreach part,.c _hand.c _scalar.c,bench/$(call bench_stem,$(1))$(part)))
$(BENCH)/mlp.o $(BENCH)/two/mlp.row.o: bpc_flags := --real=f32
$(BENCH)/ba.o $(BENCH)/two/ba.row.o: bpc_flags := --export=half_sse
# the C by hand knows these sizes, too
$(BENCH)/kalman.o: bpc_flags := --size=m=8,k=4
$(BENCH)/lstm_f32.o: bpc_flags := --real=f32
$(BENCH)/lstm_f32.row.o: row_flags := -DREAL=float -DLSTM_F32
$(BENCH)/lstm_f64.row.o: row_flags := -DREAL=double

$(bench_rows:%=$(BENCH)/%.o): $(BENCH)/%.o: $$(call bench_model,$$*) $(BUILD)/bpc
	@mkdir -p $(@D)
	$(call say,BPC $@)
	$(Q)$(BUILD)/bpc $< $(bpc_flags) -o $@

$(BENCH)/%.row.o: $(BENCH)/%.o $$(call bench_sources,$$*) $(wildcard bench/*.h)
	@LLVM_CONFIG=$(LLVM_CONFIG) scripts/setup clang
	$(call say,CC $@)
	$(Q)$(BENCH_CC) $(bench_flags) $(row_flags) -nostdlib -r $(filter %.c %.o,$^) -o $@
	$(Q)objcopy --keep-global-symbol=row_$* --keep-global-symbol=clock_$* $@

# Rows whose models two threads share as well: the same sources, clock_ROW is clock_ROW_two.
bench_two     := $(foreach row,mlp gmm ba,$(BENCH)/two/$(row).row.o)
$(BENCH)/two/%.row.o: $(BENCH)/%.row.o
	@mkdir -p $(@D)
	$(Q)$(BUILD)/bpc $(call bench_model,$*) $(bpc_flags) --threads=2 -o $(BENCH)/two/$*.o
	$(Q)$(BENCH_CC) $(bench_flags) -nostdlib -r $(call bench_sources,$*) $(BENCH)/two/$*.o -o $@
	$(Q)objcopy --redefine-sym=clock_$*=clock_$*_two --keep-global-symbol=clock_$*_two $@

bench_main := bench/main.c bench/measure.c bench/report.c bench/peers.c bench/compile.c bench/threads.c
$(BENCH)/bench: $(bench_main) $(wildcard bench/*.h) $(bench_rows:%=$(BENCH)/%.row.o) $(bench_two) $(BUILD)/libbpcrt.a
	$(call say,LD $@)
	$(Q)$(BENCH_CC) $(bench_flags) $(filter %.c %.o %.a,$^) -lm -lpthread -o $@

$(BENCH)/contract_bench: bench/contract_bench.c $(BUILD)/libbpc.a
	@mkdir -p $(@D)
	$(call say,LD $@)
	$(Q)$(CC) -std=c17 -O2 -D_GNU_SOURCE -I. -isystem $(LLVM_INCLUDE) $^ $(LDLIBS) -o $@

bench: all $(BENCH)/bench $(BENCH)/contract_bench ## measure against the bars; ROWS='gmm compile' some of them; writes docs/performance.svg
	@$(BENCH)/bench $(BUILD)/bpc $(BENCH_CC) $(BENCH) docs/performance.svg $(filter-out products,$(ROWS))
	@$(if $(filter-out products,$(ROWS)),:,$(BENCH)/contract_bench)

# ---- upkeep --------------------------------------------------------------------------------------

c_files = $(shell git ls-files '*.c' '*.h')

format: ## rewrite every C file in the project's format (tables, *.def, are left alone)
	@LLVM_CONFIG=$(LLVM_CONFIG) scripts/setup format
	clang-format-19 -i $(c_files)

tidy: all ## static analysis of the compiler by clang-tidy
	@LLVM_CONFIG=$(LLVM_CONFIG) scripts/setup tidy
	clang-tidy-19 --quiet $(sources) -- -std=c17 $(CPPFLAGS)

install: all ## install the programs, the library and its header under PREFIX
	install -D -t $(DESTDIR)$(PREFIX)/bin $(programs)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include driver/bpc.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib $(BUILD)/libbpc.a $(BUILD)/libbpcrt.a
	install -D -t $(DESTDIR)$(PREFIX)/lib $(BUILD)/libbpc.so

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
