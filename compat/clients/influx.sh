#!/usr/bin/env bash
# The `influx` command line against the server at $1:$2: what it writes, asks and prints.
# $3 is a folder of its own: it keeps a history in $HOME.
set -uo pipefail
host=$1 port=$2
export HOME=$3

# An error's wording may differ between servers, and is printed twice.
unworded() { awk '/^ERR: / { wording = substr($0, 6); print "ERR"; next } wording == "" || $0 != wording'; }
run() {
  echo "--- $*"
  influx -host "$host" -port "$port" "$@" 2>&1 | unworded
  echo "exit ${PIPESTATUS[0]}"
}

run -execute 'SHOW DATABASES' -format json
run -execute 'CREATE DATABASE cli'
run -execute 'CREATE RETENTION POLICY keep ON cli DURATION INF REPLICATION 1'
cat >"$HOME/import" <<'LINES'
# DDL
CREATE DATABASE imported
# DML
# CONTEXT-DATABASE: imported
# CONTEXT-RETENTION-POLICY: autogen
cpu,host=a,zone=x load=1.5,cores=4i,name="first",up=true 1790000000
cpu,host=b load=2.5,cores=8i 1790000010
cpu,host=a,zone=x load=3.5 1790000020
LINES
echo '--- import'
# What it prints holds the time of day, and how long it took.
influx -host "$host" -port "$port" -import -path "$HOME/import" -precision s 2>&1 |
  sed -E 's|^[0-9]{4}/[0-9/]+ [0-9:]+ ||; s|Time elapsed.*||'
run -database cli -execute 'INSERT m,h=a v=1i 1790000000000000000'
run -database cli -execute 'INSERT INTO keep m,h=a v=2i 1790000000000000000'
run -database cli -execute 'INSERT m,h=a v=bad 1790000000000000000'
run -database cli -execute 'INSERT m,h=a v="type" 1790000000000000000'
for format in column csv json; do
  run -database imported -format $format -execute 'SELECT * FROM cpu'
  run -database imported -format $format -execute 'SELECT load FROM cpu GROUP BY host'
  run -database imported -format $format -execute 'SHOW TAG VALUES WITH KEY = host'
done
run -database imported -format json -pretty -execute 'SELECT mean(load) FROM cpu WHERE time >= 1790000000s AND time < 1790000030s GROUP BY time(10s), host'
for precision in rfc3339 ns ms s h; do
  run -database imported -precision $precision -format csv -execute 'SELECT load FROM cpu'
done
run -execute 'SHOW RETENTION POLICIES ON cli' -format csv
run -database cli -execute 'SELECT * FROM m; SELECT * FROM keep.m' -format json
run -database imported -execute 'SHOW MEASUREMENTS; SHOW FIELD KEYS; SHOW TAG KEYS; SHOW SERIES' -format json
run -execute 'SELECT bad'
run -database nowhere -execute 'SHOW TAG KEYS'
run -database imported -execute 'SELECT nothing FROM cpu'
run -database imported -execute 'SELECT load FROM cpu WHERE'
echo 'SELECT load FROM cpu LIMIT 2' | run -database imported -format csv
echo 'SELECT last(load) FROM cpu GROUP BY host' | run -database imported
run -execute 'DROP DATABASE imported; DROP DATABASE cli; SHOW DATABASES' -format json
