# Offhook - one non-recursive makefile: programs, tests, fuzzers, lint, install.
#
#   make            builds the programs into build/
#   make run        the whole product in the foreground       (installs what is missing)
#   make demo       one simulated call, then exit             (installs what is missing)
#   make test       every test                                (installs what is missing)
#   make bench | fuzz | lint | install | clean
#
# VARIANT: release (default), check (ASan + UBSan + failure points), thread (ThreadSanitizer), fuzz (libFuzzer).
# WERROR=1 turns warnings into errors. B names another build directory.

B       ?= build
VARIANT ?= release
PREFIX  ?= /usr/local
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := $(shell sed -n 's/^\#define OFFHOOK_VERSION "\(.*\)"/\1/p' shared/version.h)

PKGS      := json-c openssl libwebsockets libcmocka
RUN_DEBS  := gcc make pkg-config libc6-dev libcrypt-dev libfcgi-dev libwebsockets-dev libwebsockets-evlib-ev libev-dev \
             libssl-dev libcurl4-openssl-dev libjson-c-dev libdb5.3-dev libsmartcols-dev \
             lighttpd lighttpd-mod-openssl openssl ca-certificates curl espeak-ng
TEST_DEBS := $(RUN_DEBS) libcmocka-dev clang libclang-rt-14-dev valgrind libc6-dbg procps iproute2
LINT_DEBS := $(TEST_DEBS) clang-tidy cppcheck mandoc

O    := $(B)/$(VARIANT)
# Release programs lie directly in the build directory, where people look for them.
BIN  := $(if $(filter release,$(VARIANT)),$(B),$(O))

WARN := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 \
        $(if $(WERROR),-Werror)
V_release := -O2 -g -D_FORTIFY_SOURCE=2
V_check   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DOFFHOOK_FAULTS
V_thread  := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
V_fuzz    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
HARDEN    := -fstack-protector-strong -fstack-clash-protection -fPIE

CPPINC     := -Ishared -I.
PKG_CFLAGS  = $(shell pkg-config --cflags json-c openssl libwebsockets 2>/dev/null)
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -pthread $(CPPINC) $(PKG_CFLAGS) $(WARN) $(V_$(VARIANT)) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(filter -fsanitize=%,$(V_$(VARIANT))) $(LDFLAGS)
LIBS       := -ldb-5.3 -ljson-c -lcrypto -lcrypt -lm
RELAY_LIBS := -lcurl -lwebsockets -lev -lssl $(LIBS)
HOOK_LIBS  := -lfcgi $(LIBS)
CLI_LIBS   := -lcurl -lsmartcols -lssl $(LIBS)
SIM_LIBS   := -lwebsockets -lev -lssl $(LIBS)
TEST_LIBS  := -lcmocka -lcurl -lwebsockets -lev -lssl -lfcgi -lsmartcols $(LIBS)

src = $(sort $(wildcard $(1)))
SHARED_SRC := $(call src,shared/*.c shared/base/*.c shared/store/*.c shared/twilio/*.c shared/openai/*.c)
RELAY_SRC  := $(call src,media-relay/*.c)
HOOK_SRC   := $(call src,fcgi-webhook/*.c)
CLI_SRC    := $(call src,admin-cli/*.c)
SIM_SRC    := $(call src,tests/sim/*.c)
UNIT_SRC   := $(call src,tests/unit/test_*.c)
PARTS_SRC  := $(call src,tests/parts/test_*.c)
FUZZ_SRC   := $(call src,tests/fuzz/fuzz_*.c)
BENCH_SRC  := $(call src,tests/bench/*.c)

obj = $(patsubst %.c,$(O)/%.o,$(1))
lib_of = $(O)/lib$(1).a
PROGRAMS := $(BIN)/offhook $(BIN)/offhook-relay $(BIN)/offhook-webhook $(BIN)/offhook-sim

.PHONY: all programs run demo test bench fuzz lint install clean deps-run deps-test deps-lint unit parts
.SECONDARY:
all: programs
programs: $(PROGRAMS)

# --- libraries: one per folder, so that a test links any module without its main ---
$(O)/libshared.a: $(call obj,$(SHARED_SRC))
$(O)/librelay.a: $(call obj,$(filter-out %/main.c,$(RELAY_SRC)))
$(O)/libwebhook.a: $(call obj,$(filter-out %/main.c,$(HOOK_SRC)))
$(O)/libcli.a: $(call obj,$(filter-out %/main.c,$(CLI_SRC)))
$(O)/libsim.a: $(call obj,$(filter-out %/main.c,$(SIM_SRC)))
$(O)/lib%.a:
	@rm -f $@
	ar rcs $@ $^

link = $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^)
$(BIN)/offhook: $(O)/admin-cli/main.o $(O)/libcli.a $(O)/libshared.a
	$(link) $(CLI_LIBS)
$(BIN)/offhook-relay: $(O)/media-relay/main.o $(O)/librelay.a $(O)/libshared.a
	$(link) $(RELAY_LIBS)
$(BIN)/offhook-webhook: $(O)/fcgi-webhook/main.o $(O)/libwebhook.a $(O)/libshared.a
	$(link) $(HOOK_LIBS)
# With the relay's session, which `play` plays: no socket and no thread of the relay comes along.
$(BIN)/offhook-sim: $(O)/tests/sim/main.o $(O)/libsim.a $(O)/librelay.a $(O)/libshared.a
	$(link) $(SIM_LIBS)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# --- tests: one program a file ---
TEST_ARCHIVES = $(O)/libsim.a $(O)/librelay.a $(O)/libwebhook.a $(O)/libcli.a $(O)/libshared.a
UNIT_BIN  := $(patsubst tests/unit/%.c,$(O)/unit/%,$(UNIT_SRC))
PARTS_BIN := $(patsubst tests/parts/%.c,$(O)/parts/%,$(PARTS_SRC))
$(O)/unit/%: $(O)/tests/unit/%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(link) $(TEST_LIBS)
$(O)/parts/%: $(O)/tests/parts/%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(link) $(TEST_LIBS)
# These run the real program.
$(O)/parts/test_cli $(O)/parts/test_serve: | $(BIN)/offhook
unit: $(UNIT_BIN)
parts: $(PARTS_BIN)
$(O)/fuzz/%: $(O)/tests/fuzz/%.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=address,undefined,fuzzer -o $@ $(filter %.o %.a,$^) $(filter-out -lcmocka,$(TEST_LIBS))
fuzzers: $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(FUZZ_SRC))
.PHONY: fuzzers

# --- the commands of the README ---
run:
	@sh .ci/install $(RUN_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@exec bash tests/sim/run-demo serve

demo:
	@sh .ci/install $(RUN_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@exec bash tests/sim/run-demo once

test:
	@sh .ci/install $(TEST_DEBS)
	@B=$(B) WERROR=$(WERROR) bash tests/run-all

bench:
	@sh .ci/install $(RUN_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@exec bash tests/bench/run

# Fuzzing without end of each target in turn: FUZZ_SECONDS each (600).
fuzz:
	@sh .ci/install $(TEST_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) VARIANT=fuzz CC=clang fuzzers
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} FUZZ_EACH=1 exec bash tests/fuzz/run

# The full counts of what `make test` does 20 times.
kill-test:
	@sh .ci/install $(TEST_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@OFFHOOK_BIN=$(abspath $(B)) KILLS=$${KILLS:-200} LIMIT_MS=$${LIMIT_MS:-2000} exec bash tests/system/kill.test
.PHONY: kill-test

# The same for calls that outlive the relay (50 of them), and model connections that drop in mid-call (100 conversations).
relay-kill-test model-drop-test:
	@sh .ci/install $(TEST_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@OFFHOOK_BIN=$(abspath $(B)) COUNT=$${COUNT:-$(if $(filter relay-%,$@),50,100)} LIMIT_MS=$${LIMIT_MS:-$(if $(filter relay-%,$@),5000,2000)} exec bash tests/system/$(@:-test=).test
.PHONY: relay-kill-test model-drop-test

# 200 random interruptions on slow and unsteady links: how far what the model is told is from what the phone played.
barge-in-test:
	@sh .ci/install $(TEST_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@OFFHOOK_BIN=$(abspath $(B)) SPEECH=$(abspath $(B))/speech BARGE_INS=$${BARGE_INS:-200} AT_ONCE=$${AT_ONCE:-20} BARGE_IN_JUDGED=1 exec bash tests/system/barge-in.test
.PHONY: barge-in-test

# The audio of 60 s calls, one, 50 and 200 of them, compared bit by bit; prints the figures.
audio-test:
	@sh .ci/install $(TEST_DEBS)
	@$(MAKE) --no-print-directory -s -j$$(nproc) programs
	@OFFHOOK_BIN=$(abspath $(B)) SPEECH=$(abspath $(B))/speech AUDIO_AT_ONCE=1 exec bash tests/system/audio
.PHONY: audio-test

lint:
	@sh .ci/install $(LINT_DEBS)
	@exec bash tests/lint

install: programs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/offhook $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 lighttpd*.conf env.example $(DESTDIR)$(PREFIX)/share/offhook
	for d in errors admin; do [ ! -d fcgi-webhook/$$d ] || cp -R fcgi-webhook/$$d $(DESTDIR)$(PREFIX)/share/offhook/; done
	for m in admin-cli/*.1 media-relay/*.1 fcgi-webhook/*.1 tests/sim/*.1; do \
		[ ! -e $$m ] || install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man1; done
	for m in shared/*.5; do [ ! -e $$m ] || install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man5; done

clean:
	rm -rf $(B)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
