// What is a card, and where an edge begins and ends.
import type { Side } from "../src/api/types";
import { Refusal } from "./select";
import { encodeId, type RawEdge, type Service, type World } from "./world";

export interface Ends {
  from: string;
  fromAddress: string;
  to: string;
  toAddress: string;
}

export class Grouping {
  /** The service of an address: the one with the smallest id. */
  private readonly home = new Map<string, Service>();
  private readonly answering = new Set<string>();

  constructor(
    private readonly world: World,
    readonly group: string,
  ) {
    if (!/^(service|endpoint|node|label:.+)$/s.test(group)) throw new Refusal(400, "group: expected service, endpoint, node or label:KEY.");
    for (const service of world.services) {
      for (const address of service.providers) {
        const other = this.home.get(address);
        if (other === undefined || service.id < other.id) this.home.set(address, service);
      }
    }
    for (const edge of world.edges) this.answering.add(edge.provider);
  }

  ends(edge: RawEdge): Ends {
    return {
      from: edge.marks.includes("remainder") ? "folded" : this.cardOf(edge.endpoint),
      fromAddress: edge.endpoint,
      to: edge.service !== null && this.group === "service" ? edge.service.id : this.cardOf(edge.provider),
      toAddress: edge.provider,
    };
  }

  cardOf(address: string): string {
    const owner = this.world.owners.get(address);
    if (this.group === "endpoint") return `endpoint:${address}`;
    if (this.group === "node" && typeof owner?.node === "string") return `node:${encodeId(owner.node)}`;
    if (this.group.startsWith("label:")) {
      const key = this.group.slice(6);
      const value = owner !== undefined && Object.hasOwn(owner.labels, key) ? owner.labels[key] : undefined;
      if (value !== undefined) return `label:${encodeId(key)}=${encodeId(value)}`;
    }
    const service = this.home.get(address);
    if (service !== undefined) return service.id;
    if (this.answering.has(address)) return owner === undefined ? "outside-providers" : "providers";
    return owner === undefined ? "outside" : "clients";
  }
}

/** Whether an edge is part of what an id names; of a card or member, on the side asked for or both. */
export function within(grouping: Grouping, id: string, side: Side | null): (edge: RawEdge) => boolean {
  if (id === "all") return () => true;
  if (id.startsWith("edge:")) return (edge) => edge.id === id;
  const [first = "", second] = id.split("~");
  const is = (card: string, address: string, wanted: string) => wanted === card || wanted === `${card}!${address}` || wanted === `endpoint:${address}`;
  return (edge) => {
    const ends = grouping.ends(edge);
    const begins = is(ends.from, ends.fromAddress, first);
    const served = is(ends.to, ends.toAddress, first);
    if (second !== undefined) return begins && is(ends.to, ends.toAddress, second);
    return (begins && side !== "served") || (served && side !== "asked");
  };
}

export function isPlace(id: string): boolean {
  return id !== "all" && !id.startsWith("edge:") && !id.includes("~");
}
