#!/usr/bin/env bash
# Roles and keyspace in Cassandra, from the environment; may run any number of times, and be killed between.
#   CASSANDRA_HOST  CASSANDRA_PORT  CASSANDRA_KEYSPACE
#   CASSANDRA_ADMIN_PASSWORD   of the superuser `admin`, which this makes
#   CASSANDRA_PASSWORD         of `cassandra`, as which leat logs in
# Why: with logins on, Cassandra makes a superuser cassandra with the password cassandra, which everybody knows. It
# cannot be told not to. So another superuser is made first, and that one sets the first one's password and takes
# its powers away: `cassandra` is left with the rights on leat's keyspace. A superuser cannot do that to itself.
set -euo pipefail
host=${CASSANDRA_HOST:-127.0.0.1} port=${CASSANDRA_PORT:-9042} keyspace=${CASSANDRA_KEYSPACE:-spark_streams}
say() { echo "cassandra-roles: $*"; }
die() { say "$*" >&2; exit 1; }

[[ $keyspace =~ ^[a-z][a-z0-9_]{0,47}$ ]] || die "CASSANDRA_KEYSPACE: small letters, digits and _ only"
for name in CASSANDRA_ADMIN_PASSWORD CASSANDRA_PASSWORD; do
  # They stand in CQL below and in an .ini file, where a quote or a % would mean something else.
  [[ ${!name:-} =~ ^[A-Za-z0-9_.~-]{16,}$ ]] ||
    die "$name: at least 16 of A-Z a-z 0-9 _ . ~ -, as \`openssl rand -hex 24\` prints"
done
[[ $CASSANDRA_ADMIN_PASSWORD != "$CASSANDRA_PASSWORD" ]] || die "the two passwords must differ"

umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Passwords go through files: the arguments of a process can be seen by others.
cql() { # ROLE PASSWORD, statements on stdin
  printf '[plain_text_auth]\nusername = %s\npassword = %s\n' "$1" "$2" >"$folder/login"
  cat >"$folder/statements"
  cqlsh --credentials "$folder/login" --connect-timeout 10 --request-timeout 60 -f "$folder/statements" "$host" "$port"
}
as_admin() { cql admin "$CASSANDRA_ADMIN_PASSWORD"; }

# The first superuser is made some 10 s after the port is open.
for ((i = 0; ; ++i)); do
  if as_admin <<<'SELECT release_version FROM system.local;' >/dev/null 2>"$folder/said"; then break; fi
  if cql cassandra cassandra >/dev/null 2>&1 \
    <<<"CREATE ROLE IF NOT EXISTS admin WITH PASSWORD = '$CASSANDRA_ADMIN_PASSWORD' AND SUPERUSER = true AND LOGIN = true;"
  then
    say "superuser admin made"
    continue
  fi
  ((i < ${CASSANDRA_TRIES:-40})) || { cat "$folder/said" >&2; die "no login as admin, nor as the first superuser.
If CASSANDRA_ADMIN_PASSWORD was changed after the first start, change it in Cassandra first: ALTER ROLE admin WITH PASSWORD = …"; }
  sleep 3
done

# Setting the password that it has already would be refused for 5 s after the last change.
for ((i = 0; ; ++i)); do
  ! cql cassandra "$CASSANDRA_PASSWORD" >/dev/null 2>&1 <<<'SELECT release_version FROM system.local;' || break
  as_admin <<<"ALTER ROLE cassandra WITH PASSWORD = '$CASSANDRA_PASSWORD' AND LOGIN = true;" >/dev/null 2>"$folder/said" ||
    ((i < 5)) || { cat "$folder/said" >&2; die "the password of cassandra was not set"; }
  sleep 3
done
as_admin <<X
ALTER ROLE cassandra WITH SUPERUSER = false;
CREATE KEYSPACE IF NOT EXISTS $keyspace WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1};
X
# Who makes a role may alter it: `cassandra` could give `admin` a password of its own choice. Revoking or granting a
# second time is no error, and is warned of.
{
  echo "REVOKE ALL PERMISSIONS ON ROLE admin FROM cassandra;"
  for right in CREATE ALTER SELECT MODIFY; do echo "GRANT $right ON KEYSPACE $keyspace TO cassandra;"; done
} | as_admin >/dev/null
say "role cassandra has its password, and rights on keyspace $keyspace only"
