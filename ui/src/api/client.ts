// The JSON API, typed by the contract. Addresses are relative, so the page may stand below any path.
import type { Edges, EdgesQuery, ErrorDocument, Graph, GraphQuery, MapDocument, MapQuery, Nodes, NodesQuery, Series, SeriesQuery } from "./types";

export interface Routes {
  map: { query: MapQuery; answer: MapDocument };
  series: { query: SeriesQuery; answer: Series };
  edges: { query: EdgesQuery; answer: Edges };
  graph: { query: GraphQuery; answer: Graph };
  nodes: { query: NodesQuery; answer: Nodes };
}

export type Route = keyof Routes;

const TIMEOUT = 30_000;

/** What went wrong, as the server or the browser says it. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly remedy: string | null,
    readonly position: number | null,
    /** 0: no answer at all. */
    readonly status: number,
  ) {
    super(message);
  }

  /** Whether asking again may help. */
  get passing(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

export function address<R extends Route>(route: R, query: Routes[R]["query"]): string {
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") parts.append(key, String(one));
    }
  }
  return `api/v1/${route}?${parts.toString()}`;
}

/** Asks the server. Throws an {@link ApiError}, or the abort's reason where `signal` ends it. */
export async function ask<R extends Route>(route: R, query: Routes[R]["query"], signal: AbortSignal): Promise<Routes[R]["answer"]> {
  const slow = AbortSignal.timeout(TIMEOUT);
  let response: Response;
  try {
    response = await fetch(address(route, query), { signal: AbortSignal.any([signal, slow]), headers: { accept: "application/json" } });
    if (response.ok) return (await response.json()) as Routes[R]["answer"];
  } catch (fault) {
    if (signal.aborted) throw fault;
    const message = slow.aborted ? "The server took more than 30 s to answer." : "The server does not answer.";
    throw new ApiError(message, slow.aborted ? "Choose a shorter range or a narrower filter." : null, null, 0);
  }
  throw await refusal(response);
}

async function refusal(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as ErrorDocument;
    return new ApiError(error.message, error.remedy ?? null, error.position ?? null, response.status);
  } catch {
    return new ApiError(`The server answered ${response.status} ${response.statusText}.`, null, null, response.status);
  }
}
