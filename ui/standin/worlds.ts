// Worlds beside the demo: hostile names, a big one, an empty one.
import { addresses, demo, owner } from "./demo";
import { edge, node, random, service, type Owner, type RawEdge, type Service, type World } from "./world";

export const WORLDS: Record<string, () => World> = { demo, calm, hostile, big, empty };

/** Everything that somebody may have typed as a name. */
export const HOSTILE_NAMES = [
  `<img src=x onerror="alert(1)"><script>alert(2)</script>`,
  `"quotes" 'and' \`ticks\` & &amp; {{braces}} \${dollar}`,
  "مرحبا بالعالم \u202Eevil\u202C שלום",
  "x".repeat(500),
  "👩‍👩‍👧‍👦🏳️‍🌈 emoji 🚀",
  "=cmd|' /C calc'!A0",
  "  spaces\tand\nlines  ",
  "~!*'()[]/?#&=+%,;:@",
  "__proto__",
];

/** The demo when nothing is wrong. */
function calm(): World {
  const world = demo();
  const nodes = world.nodes.map(({ name, address }) => node(name, address));
  return { ...world, nodes, edges: world.edges.filter(({ marks }) => marks.length === 0) };
}

function hostile(): World {
  const owners = new Map<string, Owner>();
  const edges: RawEdge[] = [];
  const services = HOSTILE_NAMES.map((name, index) => {
    const to = service(name, `100.9.9.${index + 1}`, { "app/name": name.slice(0, 60), tier: "x" }, addresses(`10.9.${index}.`, 1, 3), "docker");
    to.providers.forEach((address) => owners.set(address, owner(address, name, { [name.slice(0, 40)]: name }, name.slice(0, 30))));
    return to;
  });
  owners.set("11.9.9.1", owner("11.9.9.1", HOSTILE_NAMES[0] ?? "", { evil: HOSTILE_NAMES[2] ?? "" }, "n1"));
  for (const to of services) {
    for (const provider of to.providers) edges.push(edge("n1", "11.9.9.1", to, provider, { in: 50_000, out: 2_000 }));
  }
  const six = service("v6", "fd64:1:1::3", { tier: "six" }, ["fd10:1:1::1", "fd10:1:1:aaaa:bbbb:cccc:dddd:eeee"], "observed");
  for (const provider of six.providers) edges.push(edge("n1", "fd11:1:1::2", six, provider, { in: 8_000, out: 900 }));
  const names = node(HOSTILE_NAMES[0] ?? "", "https://10.0.0.11:4000", {
    state: "faulty",
    message: `${HOSTILE_NAMES[0] ?? ""} answers ${HOSTILE_NAMES[1] ?? ""}`,
    remedy: HOSTILE_NAMES[2] ?? null,
    blindSpots: [HOSTILE_NAMES[3] ?? ""],
    silent: [{ from: 600_000, until: null }],
  });
  return { nodes: [node("n1", "https://10.0.0.10:4000"), names], services: [...services, six], owners, edges };
}

/** 2,000 services, 5,000 endpoints, 20,000 edges over 40 nodes, in tiers: each asks the next ones. */
function big(): World {
  const owners = new Map<string, Owner>();
  const tiers = ["edge", "web", "api", "cache", "db"];
  const tier = (index: number) => tiers[index % 5] ?? "";
  const team = (index: number) => `team-${(index >> 2) % 23}`;
  const endpoint = (index: number) => `10.${64 + (index >> 12)}.${(index >> 4) & 255}.${(index & 15) + 1}`;
  const on = (index: number) => `node-${String(index % 40).padStart(2, "0")}`;
  const clients = 1_000;
  for (let index = 0; index < 5_000; index += 1) {
    const labels = index < clients ? { role: "client" } : { tier: tier(index), team: team(index) };
    owners.set(endpoint(index), owner(endpoint(index), `pod-${index}`, labels, on(index)));
  }
  const services: Service[] = Array.from({ length: 2_000 }, (_, index) => {
    // Of its own tier; each provides one service, so that nobody's tier is another's.
    const providers = [endpoint(clients + 2 * index - (index % 2)), endpoint(clients + 2 * index - (index % 2) + 1)].slice(0, 1 + (index % 2));
    const labels = { tier: tier(index), team: team(index) };
    return service(`${team(index)}:${tier(index)}-${index}`, `100.${100 + (index >> 8)}.${index & 255}.1`, labels, providers, "kubernetes");
  });
  const home = new Map(services.flatMap((one, index) => one.providers.map((address) => [address, index] as const)));
  const edges = new Map<string, RawEdge>();
  for (let index = 0; edges.size < 20_000; index += 1) {
    const from = Math.floor(random("from", index) * 5_000);
    const own = home.get(endpoint(from));
    const next = own === undefined ? 0 : (own % 5) + 1 + (random("skip", index) < 0.2 ? 1 : 0);
    const to = services[Math.floor(random("to", index) ** 2 * 400) * 5 + next];
    const provider = to?.providers[index % to.providers.length];
    if (next > 4 || to === undefined || provider === undefined) continue;
    const rate = 10 ** (2 + 4 * random("rate", index));
    const made = edge(on(from), endpoint(from), to, provider, { in: rate * 6, out: rate });
    edges.set(made.id, made);
  }
  const nodes = Array.from({ length: 40 }, (_, index) => node(on(index), `https://10.0.1.${index + 1}:4000`));
  return { nodes, services, owners, edges: [...edges.values()] };
}

function empty(): World {
  return { nodes: [node("n1", "https://10.0.0.11:4000")], services: [], owners: new Map(), edges: [] };
}
