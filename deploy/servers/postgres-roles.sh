#!/usr/bin/env bash
# A role for leat and its database in PostgreSQL, from the environment; may run any number of times.
#   PGHOST PGPORT PGUSER PGPASSWORD   of a superuser, as psql reads them
#   WAREHOUSE_PASSWORD                of the role `leat`; a new one is set at the next run
#   WAREHOUSE_ROLE WAREHOUSE_DATABASE   their names, when not leat and warehouse
# Why: leat needs one database, not the server. The image's own POSTGRES_USER is a superuser.
set -euo pipefail
[[ ${WAREHOUSE_PASSWORD:-} =~ ^[A-Za-z0-9_.~-]{16,}$ ]] || {
  # It stands in a DSN, where other characters would have to be percent-encoded.
  echo "postgres-roles: WAREHOUSE_PASSWORD: at least 16 of A-Z a-z 0-9 _ . ~ -, as \`openssl rand -hex 24\` prints" >&2
  exit 1
}
export WAREHOUSE_PASSWORD
# psql takes the password from the environment (\getenv), so it is in no argument.
psql -X -q -v ON_ERROR_STOP=1 -v role="${WAREHOUSE_ROLE:-leat}" -v database="${WAREHOUSE_DATABASE:-warehouse}" \
  -d postgres <<'X'
\getenv password WAREHOUSE_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
X
echo "postgres-roles: role ${WAREHOUSE_ROLE:-leat} owns database ${WAREHOUSE_DATABASE:-warehouse}"
