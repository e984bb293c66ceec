// The demo's network (two services, 14 and 3 providers, four clients) with what goes wrong in life.
import { edge, node, random, service, type Owner, type RawEdge, type World } from "./world";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export function demo(): World {
  const labels = (tier: string) => ({ environment: "prod", release: "stable", tier });
  const web = service("default:app-svc", "100.1.1.3", labels("web"), addresses("10.1.1.", 1, 14), "contiv");
  const db = service("default:app-db", "100.1.1.4", labels("db"), addresses("10.1.1.", 15, 17), "contiv");
  const owners = new Map<string, Owner>();
  for (const to of [web, db]) {
    to.providers.forEach((address, index) => {
      const name = `${to.name.replace("default:", "")}-${index + 1}`;
      owners.set(address, owner(address, name, { ...to.selectors, version: "1.0" }, "n1"));
    });
  }
  const clients = addresses("11.1.1.", 1, 4);
  clients.forEach((address, index) => owners.set(address, owner(address, `client-${index + 1}`, { role: "client" }, "n1")));
  for (const address of addresses("11.1.2.", 1, 3)) owners.set(address, owner(address, "", {}, "n2"));

  owners.set("10.1.1.254", owner("10.1.1.254", "gateway", {}, "n1"));

  const edges: RawEdge[] = [];
  const spread = (on: string, endpoint: string, to: typeof web, rate: number, answer: number) => {
    for (const provider of to.providers) {
      const part = (0.4 + 1.2 * random(endpoint, provider)) / to.providers.length;
      edges.push(edge(on, endpoint, to, provider, { in: rate * answer * part, out: rate * part }));
    }
  };
  for (const address of clients.slice(0, 3)) spread("n1", address, web, 42_000 + 30_000 * random(address), 30);
  spread("n1", "11.1.1.4", db, 21_000, 18);
  for (const address of addresses("11.1.2.", 1, 3)) spread("n2", address, web, 16_000, 24);
  for (const address of web.providers) spread("n1", address, db, 9_000 * (0.5 + random(address)), 14);
  edges.push(edge("n1", "10.1.1.17", null, "10.1.1.16", { in: 900, out: 140_000 }, { providerPort: 5432 }));
  edges.push(edge("n1", "203.0.113.24", web, "10.1.1.3", { in: 310_000, out: 9_200 }));
  edges.push(edge("n1", "198.51.100.7", web, "10.1.1.9", { in: 120_000, out: 4_100 }));
  edges.push(edge("n1", "10.1.1.2", null, "192.0.2.53", { in: 1_900, out: 700 }, { providerPort: 53, protocol: "UDP", packet: 120 }));
  edges.push(edge("n1", "11.1.1.2", null, "10.1.1.254", { in: 0, out: 0 }, { providerPort: 9100, marks: ["uncounted"] }));
  return { nodes: nodes(), services: [web, db], owners, edges };
}

function nodes(): World["nodes"] {
  return [
    node("n1", "https://10.0.0.11:4000", {
      losses: [
        {
          kind: "ended-unseen",
          count: 3,
          bytes: 12_288,
          ago: [2 * MINUTE],
          message: "n1: 3 connections ended unseen (about 12 kB)",
          remedy: "Give the agent a greater receive buffer: receive_buffer in its configuration.",
        },
        { kind: "set-full", count: 1_840, bytes: 92_000, ago: [22 * HOUR, 21 * HOUR, 20 * HOUR], message: "n1: a full set turned 1,840 packets away", remedy: "Raise edges_max on n1." },
      ],
    }),
    node("n2", "https://10.0.0.12:4000", {
      state: "unreachable",
      message: "It has not answered for 12 minutes: connection refused.",
      remedy: "See that the agent runs on n2 (systemctl status svcflow-agent) and that port 4000 is open to this server.",
      silent: [{ from: 12 * MINUTE, until: null }],
      source: { name: "conntrack", reason: "started with --observe-only" },
      blindSpots: ["Connections older than the agent are counted from its start: net.netfilter.nf_conntrack_events is 2, set it to 1."],
    }),
    node("n3", "https://10.0.0.13:4000", { silent: [{ from: 3 * HOUR, until: 2.5 * HOUR }] }),
  ];
}

export function addresses(prefix: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `${prefix}${first + index}`);
}

export function owner(address: string, name: string, labels: Record<string, string>, on: string | null): Owner {
  return { address, name, labels, node: on, since: 3 * 24 * HOUR };
}
