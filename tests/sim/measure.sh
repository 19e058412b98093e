# Calls of numbered frames (pattern.h) both ways through the whole product, and the figures of them, for the audio test and the benchmark.
# Sourced by bash after product.sh. The model delivers in real time, 20 ms in a message, so that pacing adds nothing.
# Sets: relay relay_pid lighttpd_pid; figures are read with `figure`.

: "${ONE_CORE:=}" # not empty: the relay has a core of its own, everybody else the others

part_pid() { # NAME: a program started by `offhook serve`; under valgrind its command line still names it
	local stat p
	for stat in /proc/[0-9]*/stat; do
		p=${stat#/proc/}; p=${p%/stat}
		[ "$(sed 's/.*) . //; s/ .*//' "$stat" 2>/dev/null)" = "$serve_pid" ] || continue
		tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -qE "(^|/)$1( |\$)" && { echo "$p"; return 0; }
	done
	return 1
}

cores() { # LIST PID: this process with all its threads; a machine with one core has no choice
	[ "$(nproc --all)" -gt 1 ] || return 0
	taskset -acp "$1" "$2" >/dev/null
}
others_core() { # the phone and whatever it starts leave the relay's core alone
	[ -n "$ONE_CORE" ] && [ "$(nproc --all)" -gt 1 ] && cores "1-$(($(nproc --all) - 1))" "$BASHPID"
	return 0
}

start_measured() { # SECONDS WAY: WAY is lighttpd or direct (streams to the relay's own listener); the model speaks so long, at once
	printf '{"audio":"pattern","pattern_seconds":%s,"rate":1,"delta_ms":20,"first_output_ms":0,"start_after_ms":0}\n' "$1" >"$OUT/model.json"
	unset OFFHOOK_STREAM_URL; stream_map=()
	[ "$2" = direct ] && export OFFHOOK_STREAM_URL=wss://stream.offhook.example
	start_model --scenario "$OUT/model.json" || return 1
	start_product || return 1
	relay=$(sed -n 's/.*"relay_listen": *"\([^"]*\)".*/\1/p' "$OFFHOOK_DATA_DIR/run/serve.json")
	[ "$2" = direct ] && stream_map=(--map "$OFFHOOK_STREAM_URL=http://$relay")
	relay_pid=$(part_pid offhook-relay) && lighttpd_pid=$(part_pid '[^ ]*lighttpd') || return 1
	"$BIN/offhook" agent set default vad_type=none greeting= >/dev/null || return 1
	[ -n "$ONE_CORE" ] || return 0
	cores 0 "$relay_pid"
	local p
	for p in $model_pid $serve_pid $lighttpd_pid; do cores "1-$(($(nproc --all) - 1))" "$p"; done
}

measured_calls() { # NUMBER SECONDS RATE: the phone's summary is in $OUT/phone.json
	( others_core
	  phone --quiet --json --calls "$1" --pattern "$2" --rate "$3" --quiet-ms 3000 --limit $((${2%.*} * 3 + 120)) "${stream_map[@]}" ) \
		>"$OUT/phone.json" 2>"$OUT/phone.log"
}

# The whole summary's own figures come before those of each call.
figure() { # FILE KEY [SECTION]: a number of phone.json or model-stats.json, `-` when it is not there
	local flat v
	flat=$(sed '/"\(results\|ended\)": *\[/,$d' "$1" 2>/dev/null | tr -d ' \n\t')
	[ -n "${3:-}" ] && flat=$(sed -n "s/.*\"$3\":{\([^}]*\)}.*/\1/p" <<<"$flat")
	v=$(sed -nE "s/(.*[{,])?\"$2\":([-0-9.]+|true|false).*/\2/p" <<<"$flat")
	echo "${v:--}"
}
