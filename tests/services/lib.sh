# Shared by the scripts of this folder; sourced, never run. Each script sets `name` first.
# A service keeps all its state below $root/NAME, listens on 127.0.0.1 only, and is ended by its process number.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${LEAT_SERVICES:-/var/tmp/leat-services-$(id -u)}
dir=$root/$name

say() { echo "$name: $*"; }
die() { echo "$name: $*" >&2; exit 1; }
usage() { sed -n '2,/^set -/s/^# \{0,1\}//p' "$0" | sed '/^set -/d;/^name=/d' >&2; exit 2; }
need() { command -v "$1" >/dev/null || die "$1 is missing: run scripts/deps --services"; }

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# ours PIDFILE TEXT: the file names a live process that has TEXT among its arguments.
ours() {
  [[ -s $1 ]] && kill -0 "$(<"$1")" 2>/dev/null && tr '\0' '\n' <"/proc/$(<"$1")/cmdline" 2>/dev/null | grep -qxF -- "$2"
}
# Waits for `check` to succeed; ends with the log's last lines when the process does or the time is over.
#   wait_for SECONDS PIDFILE LOG CHECK...
wait_for() {
  local end=$((SECONDS + $1)) pidfile=$2 log=$3; shift 3
  until "$@"; do
    if ! kill -0 "$(<"$pidfile")" 2>/dev/null; then
      tail -n 15 "$log" | cut -c1-300 >&2; rm -f "$pidfile"; die "it ended while starting; its log is $log"
    fi
    if ((SECONDS >= end)); then
      tail -n 15 "$log" | cut -c1-300 >&2; end_process "$pidfile" 5; die "not ready in time; its log is $log"
    fi
    sleep 0.2
  done
}
# end_process PIDFILE SECONDS: SIGTERM, and SIGKILL when it is still there after that time.
end_process() {
  local pid; pid=$(<"$1")
  kill "$pid" 2>/dev/null || true
  for ((i = 0; i < $2 * 5; ++i)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
  kill -9 "$pid" 2>/dev/null && say "killed after $2 s"
  rm -f "$1"
}
resident_mb() { awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$1/status"; }

# jars POM: what the POM pins, from Maven's registry into $dir/libs; again only when the POM has changed.
jars() {
  need mvn; need java
  local hash; hash=$(sha256sum <"$1")
  [[ $(cat "$dir/libs/.pom" 2>/dev/null) != "$hash" ]] || return 0
  say "fetching its packages"
  rm -rf "$dir/libs.part"; mkdir -p "$dir/libs.part"
  mvn -B -q -f "$1" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$dir/libs.part" \
    >"$dir/install.log" 2>&1 || { tail -n 5 "$dir/install.log" >&2; die "Maven could not fetch the jars; its log is $dir/install.log"; }
  echo "$hash" >"$dir/libs.part/.pom"
  rm -rf "$dir/libs"; mv "$dir/libs.part" "$dir/libs"
}
