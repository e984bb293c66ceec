"""Python's `influxdb` client against the server at argv 1:2: what it writes, asks and gets, as JSON lines."""

import json
import sys

from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

host, port = sys.argv[1], int(sys.argv[2])
client = InfluxDBClient(host, port, timeout=20)
# By default it asks for msgpack, of which it can't read chunks.
json_client = InfluxDBClient(host, port, database="python", headers={"Accept": "application/json"})


def show(what, call):
    """Prints what a call gave: its value, or the status of its error (the wording may differ)."""
    try:
        value = call()
    except InfluxDBClientError as error:
        value = {"status": error.code}
    if hasattr(value, "raw"):
        value = value.raw
    print(json.dumps({what: plain(value)}, sort_keys=True, default=str))


def plain(value):
    """Whole floats as integers: msgpack, which influxd answers in, keeps them apart, and JSON doesn't."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def rows(q, **options):
    result = options.pop("by", client).query(q, **options)
    # One statement, several of them, or chunks.
    results = [result] if hasattr(result, "items") else list(result)
    return [[[str(key), list(points)] for key, points in one.items()] for one in results]


show("ping", lambda: bool(client.ping()))
show("databases", client.get_list_database)
show("create", lambda: client.create_database("python"))
show("databases", client.get_list_database)
client.switch_database("python")
# Whole seconds: of msgpack's times this client drops the rest.
points = [
    {
        "measurement": "cpu",
        "tags": {"host": f"h{i % 3}", "zone": "é x", "empty": ""},
        "time": 1790000000000000000 + i * 1_000_000_000,
        "fields": {"load": i + 0.5, "cores": i, "name": f'n "{i}", x=y', "up": i % 2 == 0, "none": None},
    }
    for i in range(25)
]
show("write", lambda: client.write_points(points))
show("write in s", lambda: client.write_points([{"measurement": "sec", "time": 1790000000, "fields": {"v": 1}}], time_precision="s", tags={"extra": "t"}))
show("write in batches", lambda: client.write_points(points, batch_size=7, database="python"))
show("write lines", lambda: client.write_points(["raw,host=a v=1i 5000000000", "raw,host=a v=2i 6000000000"], protocol="line"))
show("write a string's type", lambda: client.write_points(['cpu,host=h0 load="text" 1790000000000000000'], protocol="line"))
show("write to nowhere", lambda: client.write_points(points, database="nowhere"))
show("count", lambda: rows("SELECT count(load), sum(cores) FROM cpu"))
show("select", lambda: rows("SELECT * FROM cpu LIMIT 5"))
show("select ms", lambda: rows("SELECT load FROM cpu LIMIT 3", epoch="ms"))
show("group", lambda: rows("SELECT mean(load) FROM cpu GROUP BY host"))
show("times", lambda: rows("SELECT mean(load), max(cores) FROM cpu WHERE time >= 1790000000s AND time < 1790000030s GROUP BY time(10s) fill(none)", epoch="s"))
show("bound", lambda: rows("SELECT load FROM cpu WHERE host = $h AND cores > $c", bind_params={"h": "h1", "c": 10}))
show("several", lambda: rows("SELECT count(load) FROM cpu; SELECT v FROM raw; SELECT x FROM nothing"))
show("chunked", lambda: rows("SELECT cores FROM cpu", by=json_client, chunked=True, chunk_size=10))
show("post", lambda: rows("SELECT last(cores) FROM cpu", method="POST"))
show("bad", lambda: rows("SELECT bad"))
show("error in results", lambda: rows("SELECT v FROM nowhere..m"))
show("measurements", client.get_list_measurements)
show("series", client.get_list_series)
show("series of", lambda: client.get_list_series(measurement="cpu", tags={"host": "h1"}))
show("policies", client.get_list_retention_policies)
show("create policy", lambda: client.create_retention_policy("week", "7d", 1, default=False, shard_duration="1d"))
show("alter policy", lambda: client.alter_retention_policy("week", duration="14d", default=True))
show("policies", client.get_list_retention_policies)
show("default policy", lambda: client.alter_retention_policy("autogen", default=True))
show("drop policy", lambda: client.drop_retention_policy("week"))
show("delete", lambda: client.delete_series(measurement="cpu", tags={"host": "h1"}))
show("series", client.get_list_series)
show("drop measurement", lambda: client.drop_measurement("raw"))
show("measurements", client.get_list_measurements)
show("users", client.get_list_users)
show("drop", lambda: client.drop_database("python"))
show("databases", client.get_list_database)
