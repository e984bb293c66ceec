// GET /api/v1/map
import type { Card, MapDocument, MapEdge, Mark, Member, Traffic as TrafficDocument } from "../src/api/types";
import { Grouping, type Ends } from "./grouping";
import { notices } from "./notices";
import { integer, rangeOf, selectEdges } from "./select";
import { bytes, compare, sumTotals, type Span, type Traffic } from "./traffic";
import { withPort, type RawEdge, type Service } from "./world";

const UNLINKED_PAST = 1_000;
const MEMBERS_MAX = 100;
const ORDER = ["clients", "outside", "service", "group", "providers", "other"];

/** What a card or member gathers. */
interface Gathered {
  asked: RawEdge[];
  served: RawEdge[];
  members: Map<string, Gathered>;
}

export function map(traffic: Traffic, query: URLSearchParams): MapDocument {
  return new Builder(traffic, query).document();
}

class Builder {
  private readonly grouping: Grouping;
  private readonly cards = new Map<string, Gathered>();
  private readonly ends = new Map<RawEdge, Ends>();
  private readonly services: Map<string, Service>;
  private readonly expanded: Set<string>;
  private readonly span: Span;
  private readonly step: Span;
  private readonly times: ReturnType<typeof rangeOf>;
  private readonly edges: RawEdge[];

  constructor(
    private readonly traffic: Traffic,
    private readonly query: URLSearchParams,
  ) {
    this.times = rangeOf(traffic, query);
    ({ span: this.span, step: this.step } = this.times);
    this.grouping = new Grouping(traffic.world, query.get("group") ?? "service");
    this.services = new Map(traffic.world.services.map((one) => [one.id, one]));
    this.expanded = new Set(query.getAll("expand"));
    this.edges = selectEdges(traffic.world, query.get("filter") ?? "");
  }

  document(): MapDocument {
    const limit = integer(this.query, "limit", 1, 500) ?? 150;
    this.gather();
    const cut = this.cut(limit);
    const linked = this.links();
    const shown = linked.slice(0, UNLINKED_PAST);
    const unlinked = linked.slice(UNLINKED_PAST);
    const all = this.traffic.sum(this.edges, this.span, this.step);
    const nodes = [...this.cards].map(([id, gathered]) => this.card(id, gathered));
    nodes.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || compare(a.name, b.name) || compare(a.id, b.id));
    return {
      range: this.times.range,
      nodes,
      edges: shown,
      all,
      rest: { ...cut, unlinked: { count: unlinked.length, totals: sumTotals(unlinked.map(({ totals }) => totals)) } },
      losses: notices(this.traffic, this.span),
      waiting: this.waiting(),
    };
  }

  private gather(): void {
    for (const service of this.grouping.group === "service" && !this.query.get("filter") ? this.traffic.world.services : []) {
      for (const address of service.providers) this.place(service.id, address);
    }
    for (const edge of this.edges) {
      const ends = this.grouping.ends(edge);
      this.ends.set(edge, ends);
      for (const place of this.place(ends.from, ends.fromAddress)) place.asked.push(edge);
      for (const place of this.place(ends.to, ends.toAddress)) place.served.push(edge);
    }
  }

  private place(card: string, address: string): Gathered[] {
    const whole = entry(this.cards, card);
    return [whole, entry(whole.members, address)];
  }

  /** Folds the cards past the limit into `rest`. */
  private cut(limit: number): Pick<MapDocument["rest"], "cards" | "edges" | "totals"> {
    const weight = (gathered: Gathered) => bytes(this.total(gathered.asked)) + bytes(this.total(gathered.served));
    const ranked = [...this.cards].map(([id, gathered]) => ({ id, gathered, weight: weight(gathered) }));
    ranked.sort((a, b) => b.weight - a.weight || compare(a.id, b.id));
    const gone = ranked.slice(limit);
    if (gone.length === 0) return { cards: 0, edges: 0, totals: sumTotals([]) };
    const ids = new Set(gone.map(({ id }) => id));
    const rest: Gathered = { asked: [], served: [], members: new Map() };
    for (const { id, gathered } of gone) {
      this.cards.delete(id);
      rest.asked.push(...gathered.asked);
      rest.served.push(...gathered.served);
      for (const [address, member] of gathered.members) rest.members.set(address, member);
    }
    this.cards.set("rest", rest);
    const touching = new Set<RawEdge>();
    for (const [edge, ends] of this.ends) {
      if (ids.has(ends.from)) ends.from = "rest";
      if (ids.has(ends.to)) ends.to = "rest";
      if (ends.from === "rest" || ends.to === "rest") touching.add(edge);
    }
    return { cards: gone.length, edges: touching.size, totals: this.total([...touching]) };
  }

  private links(): MapEdge[] {
    const visible = new Map<string, Set<string>>();
    for (const id of this.expanded) {
      const gathered = this.cards.get(id);
      if (gathered !== undefined) visible.set(id, new Set(this.topMembers(gathered)));
    }
    const end = (card: string, address: string) => (visible.get(card)?.has(address) === true ? `${card}!${address}` : card);
    const links = new Map<string, { from: string; to: string; edges: RawEdge[] }>();
    for (const [edge, ends] of this.ends) {
      const from = end(ends.from, ends.fromAddress);
      const to = end(ends.to, ends.toAddress);
      const link = links.get(`${from}~${to}`) ?? { from, to, edges: [] };
      link.edges.push(edge);
      links.set(`${from}~${to}`, link);
    }
    const made = [...links].map(([id, { from, to, edges }]): MapEdge => {
      const paths = new Set(edges.map(({ service }) => (service === null ? "direct" : "service")));
      return {
        id,
        from,
        to,
        path: paths.size > 1 ? "mixed" : paths.has("direct") ? "direct" : "service",
        protocols: unique(edges.map(({ protocol }) => protocol)),
        count: edges.length,
        ...this.traffic.sum(edges, this.span, this.step),
        ...this.traffic.worst(edges, this.step.until),
        marks: marksOf(edges),
      };
    });
    return made.sort((a, b) => bytes(b.totals) - bytes(a.totals) || compare(a.id, b.id));
  }

  private topMembers(gathered: Gathered): string[] {
    const weighed = [...gathered.members].map(([address, member]) => ({ address, weight: bytes(this.total(member.served)) + bytes(this.total(member.asked)) }));
    weighed.sort((a, b) => b.weight - a.weight || compareAddress(a.address, b.address));
    return weighed.slice(0, MEMBERS_MAX).map(({ address }) => address).sort(compareAddress);
  }

  private card(id: string, gathered: Gathered): Card {
    const edges = [...gathered.asked, ...gathered.served];
    const shown = gathered.served.length > 0 ? gathered.served : gathered.asked;
    const whole = bytes(this.total(shown));
    const members = this.expanded.has(id) ? this.topMembers(gathered).map((address) => this.member(id, address, gathered, whole)) : null;
    const left = gathered.members.size - (members?.length ?? gathered.members.size);
    return {
      ...this.identity(id, gathered),
      id,
      size: gathered.members.size,
      nodes: unique(edges.map(({ node }) => node)).slice(0, 20),
      served: this.side(gathered.served),
      asked: this.side(gathered.asked),
      spark: this.traffic.rows(shown, this.span, 30).map((row) => (row === null ? null : row.bytes_in + row.bytes_out)),
      ...this.traffic.worst(edges, this.step.until),
      marks: marksOf(edges),
      members,
      members_rest: left > 0 ? { count: left, share: null } : null,
    };
  }

  private identity(id: string, gathered: Gathered): Pick<Card, "kind" | "name" | "addresses" | "ports" | "labels" | "selectors" | "source" | "since"> {
    const plain = { addresses: [], ports: [], labels: {}, selectors: {}, source: "observed", since: null };
    const service = this.services.get(id);
    if (service !== undefined) {
      const named = service.source !== "observed";
      return {
        kind: "service",
        name: named ? service.name : withPort(service.address, service.port),
        addresses: [service.address],
        ports: [`${service.port}/${service.protocol}`],
        labels: {},
        selectors: service.selectors,
        source: service.source,
        since: this.traffic.origin,
      };
    }
    const names: Record<string, [Card["kind"], string]> = {
      clients: ["clients", "clients"],
      providers: ["providers", "direct providers"],
      outside: ["outside", "outside"],
      "outside-providers": ["outside", "outside providers"],
      folded: ["other", "other endpoints"],
      rest: ["other", "other cards"],
    };
    const [kind, name] = names[id] ?? ["group", decodeURIComponent(id.slice(id.indexOf(":") + 1))];
    const owner = kind === "group" && gathered.members.size === 1 ? this.traffic.world.owners.get(name) : undefined;
    if (id.startsWith("endpoint:")) return { ...plain, kind, name: owner?.name || name, addresses: [name], labels: owner?.labels ?? {} };
    return { ...plain, kind, name };
  }

  private member(card: string, address: string, gathered: Gathered, whole: number): Member {
    const own = gathered.members.get(address) ?? { asked: [], served: [] };
    const edges = [...own.asked, ...own.served];
    const owner = this.traffic.world.owners.get(address);
    const shown = this.total(gathered.served.length > 0 ? own.served : own.asked);
    return {
      id: `${card}!${address}`,
      address,
      addresses: [address],
      name: owner?.name ?? "",
      labels: owner?.labels ?? {},
      node: owner?.node ?? null,
      since: owner === undefined ? null : this.traffic.clock.started - owner.since,
      share: whole > 0 && !(edges.length > 0 && edges.every(({ marks }) => marks.includes("uncounted"))) ? bytes(shown) / whole : null,
      served: this.side(own.served),
      asked: this.side(own.asked),
      ...this.traffic.worst(edges, this.step.until),
      marks: marksOf(edges),
    };
  }

  private side(edges: RawEdge[]): TrafficDocument | null {
    return edges.length === 0 ? null : this.traffic.sum(edges, this.span, this.step);
  }

  private total(edges: RawEdge[]) {
    return this.traffic.sum(edges, this.span, this.step).totals;
  }

  private waiting(): MapDocument["waiting"] {
    if (this.times.range.latest !== null) return null;
    const { started, interval } = this.traffic.clock;
    return {
      agents: this.traffic.world.nodes.length,
      first_at: Math.ceil(started / interval + 1) * interval,
      message: "Nothing has been counted yet: the first interval is still running.",
      remedy: "Start an agent on each node: svcflow agent --config /etc/svcflow.toml. If agents run, see the page Nodes for what they report.",
    };
  }
}

function entry(map: Map<string, Gathered>, key: string): Gathered {
  const there = map.get(key) ?? { asked: [], served: [], members: new Map<string, Gathered>() };
  map.set(key, there);
  return there;
}

export function unique(all: string[]): string[] {
  return [...new Set(all)].sort(compare);
}

export function marksOf(edges: RawEdge[]): Mark[] {
  return [...new Set(edges.flatMap(({ marks }) => marks))].sort(compare);
}

export function compareAddress(a: string, b: string): number {
  const numbers = (address: string) => address.split(".").map((part) => part.padStart(3, "0")).join(".");
  return compare(numbers(a), numbers(b));
}
