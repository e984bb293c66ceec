// What was lost, is unknown or stale: the banner's sentences and the nodes page.
import type { Node, NodeLoss, Nodes, Notice } from "../src/api/types";
import { compare, type Span, type Traffic } from "./traffic";
import type { Loss, NodeSpec } from "./world";

export function notices(traffic: Traffic, span: Span): Notice[] {
  const { started } = traffic.clock;
  const all: Notice[] = [];
  for (const node of traffic.world.nodes) {
    const silent = node.silent.find((one) => one.until === null && started - one.from < span.until);
    if (node.state !== "ok" && silent !== undefined) {
      all.push({
        kind: `node-${node.state}`,
        severity: "error",
        node: node.name,
        count: null,
        bytes: null,
        first: started - silent.from,
        last: span.until,
        ongoing: true,
        message: `${node.name}: nothing from its agent, so what it counts is missing`,
        remedy: node.remedy,
      });
    }
    for (const loss of node.losses.filter((one) => moments(one, traffic, span).length > 0)) {
      const times = moments(loss, traffic, span);
      all.push({
        kind: loss.kind,
        severity: "warning",
        node: node.name,
        count: loss.count,
        bytes: loss.bytes,
        first: Math.min(...times),
        last: Math.max(...times),
        ongoing: false,
        message: loss.message,
        remedy: loss.remedy,
      });
    }
  }
  return all.sort((a, b) => Number(a.severity !== "error") - Number(b.severity !== "error"));
}

export function nodes(traffic: Traffic, span: Span, server: Nodes["server"]): Nodes {
  const now = traffic.clock.now();
  const all = traffic.world.nodes.map((node) => describe(traffic, node, span, now)).sort((a, b) => compare(a.name, b.name));
  return { now, latest: traffic.latest(), nodes: all, server };
}

function describe(traffic: Traffic, node: NodeSpec, span: Span, now: number): Node {
  const { started, interval } = traffic.clock;
  const silent = node.silent.find(({ until }) => until === null);
  const latest = traffic.latest();
  const last = silent === undefined ? latest : started - silent.from;
  return {
    name: node.name,
    address: node.address,
    state: node.state,
    state_since: silent === undefined ? traffic.origin : started - silent.from,
    message: node.message,
    remedy: node.remedy,
    last_seen: last,
    interval,
    lag: last === null ? null : now - last,
    skew: silent === undefined ? node.skew : null,
    edges: traffic.world.edges.filter((edge) => edge.node === node.name).length,
    connections: node.source.name === "conntrack" ? 412 : null,
    version: "0.1.0",
    source: node.source,
    blind_spots: node.blindSpots,
    losses: node.losses.flatMap((loss): NodeLoss[] => {
      const times = moments(loss, traffic, span);
      if (times.length === 0) return [];
      const each = Math.round(loss.count / times.length);
      const { kind, count, bytes, message, remedy } = loss;
      return [{ kind, count, bytes, message, remedy, first: Math.min(...times), last: Math.max(...times), times: times.map((at) => [at, each]) }];
    }),
  };
}

function moments(loss: Loss, traffic: Traffic, span: Span): number[] {
  return loss.ago.map((ago) => traffic.clock.started - ago).filter((at) => at >= span.from && at < span.until);
}
