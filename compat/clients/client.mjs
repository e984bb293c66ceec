// Node's `influx` client against the server at argv 2:3: what it writes, asks and gets, as JSON lines.
import { createRequire } from "node:module";
const { InfluxDB, FieldType, toNanoDate, escape } = createRequire(process.env.CLIENTS + "/")("influx");

const [host, port] = process.argv.slice(2);
const influx = new InfluxDB({
  host,
  port: Number(port),
  database: "node",
  schema: [
    {
      measurement: "cpu",
      fields: { load: FieldType.FLOAT, cores: FieldType.INTEGER, name: FieldType.STRING, up: FieldType.BOOLEAN },
      tags: ["host", "zone"],
    },
  ],
});

// What a call gives, or the status of its error (the wording may differ).
async function show(what, call) {
  let value;
  try {
    value = await call();
    if (value?.groupRows) value = { rows: value, groups: value.groups?.().map(({ name, tags, rows }) => ({ name, tags, rows })) };
  } catch (error) {
    value = { error: error.constructor.name, status: error.res?.statusCode };
  }
  console.log(JSON.stringify({ [what]: value === undefined ? null : value }));
}

const start = 1790000000000000000n;
const points = Array.from({ length: 25 }, (_, i) => ({
  measurement: "cpu",
  tags: { host: `h${i % 3}`, zone: "é x" },
  fields: { load: i + 0.5, cores: i, name: `n "${i}", x=y`, up: i % 2 === 0 },
  timestamp: toNanoDate(String(start + BigInt(i) * 1000000007n)),
}));

await show("ping", async () => (await influx.ping(5000)).map(({ online }) => online));
await show("databases", () => influx.getDatabaseNames());
await show("create", () => influx.createDatabase("node"));
await show("databases", () => influx.getDatabaseNames());
await show("write", () => influx.writePoints(points));
await show("write in s", () => influx.writePoints([{ measurement: "sec", fields: { v: 1 }, timestamp: 1790000000 }], { precision: "s" }));
await show("write a measurement", () => influx.writeMeasurement("cpu", [{ tags: { host: "new" }, fields: { load: 1 }, timestamp: points[0].timestamp }]));
await show("write to nowhere", () => influx.writePoints(points, { database: "nowhere" }));
await show("count", () => influx.query("SELECT count(load), sum(cores) FROM cpu"));
await show("select", () => influx.query("SELECT * FROM cpu LIMIT 5"));
await show("group", () => influx.query("SELECT mean(load) FROM cpu GROUP BY host"));
await show("times", () => influx.query("SELECT mean(load) FROM cpu WHERE time >= 1790000000s AND time < 1790000030s GROUP BY time(10s) fill(null)", { precision: "s" }));
await show("escaped", () => influx.query(`SELECT load FROM cpu WHERE host = ${escape.stringLit("h1")} LIMIT 2`));
await show("bound", () => influx.query("SELECT load FROM cpu WHERE host = $h LIMIT 2", { placeholders: { h: "h1" } }));
await show("several", () => influx.query(["SELECT count(load) FROM cpu", "SELECT v FROM sec"]));
await show("raw", () => influx.queryRaw("SELECT cores FROM cpu LIMIT 2; SELECT x FROM nothing"));
await show("bad", () => influx.query("SELECT bad"));
await show("error in results", () => influx.query("SELECT v FROM nowhere..m"));
await show("measurements", () => influx.getMeasurements());
await show("series", () => influx.getSeries());
await show("series of", () => influx.getSeries({ measurement: "cpu" }));
await show("create policy", () => influx.createRetentionPolicy("week", { database: "node", duration: "7d", replication: 1 }));
await show("alter policy", () => influx.alterRetentionPolicy("week", { database: "node", duration: "14d", replication: 1, isDefault: true }));
await show("policies", () => influx.showRetentionPolicies());
await show("default policy", () => influx.alterRetentionPolicy("autogen", { database: "node", duration: "0s", replication: 1, isDefault: true }));
await show("drop policy", () => influx.dropRetentionPolicy("week"));
await show("drop series", () => influx.dropSeries({ measurement: (m) => m.name("cpu"), where: (e) => e.tag("host").equals.value("h1") }));
await show("series", () => influx.getSeries());
await show("drop measurement", () => influx.dropMeasurement("sec"));
await show("measurements", () => influx.getMeasurements());
await show("users", () => influx.getUsers());
await show("drop", () => influx.dropDatabase("node"));
await show("databases", () => influx.getDatabaseNames());
