#!/usr/bin/env bash
# Starts Cassandra with logins and rights switched on. Called by compose.yaml, as root, in Cassandra's image: as it
# is shipped it lets everybody in, and its image has no variable for that. Edits nothing on a second start.
set -euo pipefail
file=${CASSANDRA_CONF:-/etc/cassandra}/cassandra.yaml
sed -ri '/^ *#/!{s/\bAllowAllAuthenticator\b/PasswordAuthenticator/; s/\bAllowAllAuthorizer\b/CassandraAuthorizer/}' "$file"
# Another release may spell it otherwise. Then it does not start, rather than start open to all.
for class in PasswordAuthenticator CassandraAuthorizer; do
  grep -Eq "^[^#]*: *[a-z.]*$class *\$" "$file" ||
    { echo "cassandra-start: $file does not name $class; look at its authenticator: and authorizer:" >&2; exit 1; }
done
exec docker-entrypoint.sh cassandra -f
