// The filter language of openapi.json: text -> terms with positions. The server decides what a filter
// selects; the page parses it to point at faults while typing and to add and take away terms.

export type Requirement =
  | { op: "=" | "!="; key: string; value: string }
  | { op: "in" | "notin"; key: string; values: string[] }
  | { op: "exists" | "absent"; key: string };

export type Condition =
  | { kind: "labels"; requirements: Requirement[] }
  | { kind: "name" | "node" | "proto" | "text"; value: string; negated: boolean }
  | { kind: "port"; value: number; negated: boolean }
  | { kind: "network"; address: string; prefix: number; negated: boolean };

export type Term = Condition & { start: number; end: number };

export class FilterError extends Error {
  constructor(
    message: string,
    readonly position: number,
  ) {
    super(message);
  }
}

const KEY = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;

/** All terms of a filter. Throws a {@link FilterError} at the first fault. */
export function parseFilter(text: string): Term[] {
  return new Parser(text).terms();
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  terms(): Term[] {
    const terms: Term[] = [];
    for (this.spaces(); this.at < this.text.length; this.spaces()) {
      const start = this.at;
      terms.push({ ...this.condition(), start, end: this.at });
    }
    return terms;
  }

  private condition(): Condition {
    const labels = this.labels();
    if (labels !== null) return { kind: "labels", requirements: labels };
    const negated = this.take("!");
    const start = this.at;
    const field = /^(name|node|proto|port|label):/.exec(this.rest())?.[1];
    if (field !== undefined) {
      this.at += field.length + 1;
      const from = this.at;
      const value = this.word();
      if (value === "") this.fail(`expected a value after ${field}:`, from);
      return this.field(field, value, negated, from);
    }
    const quoted = this.text[this.at] === '"';
    const value = this.word();
    if (value === "") this.fail("expected a term", start);
    const network = quoted ? null : parseNetwork(value);
    if (network !== null) return { kind: "network", ...network, negated };
    if (negated && !quoted && KEY.exec(value)?.[0] === value) {
      return { kind: "labels", requirements: [{ op: "absent", key: value }] };
    }
    return { kind: "text", value, negated };
  }

  private field(field: string, value: string, negated: boolean, from: number): Condition {
    if (field === "label") {
      return { kind: "labels", requirements: [{ op: negated ? "absent" : "exists", key: value }] };
    }
    if (field === "port") {
      if (!/^\d{1,5}$/.test(value) || Number(value) > 65535) this.fail("expected a port, 0 to 65535", from);
      return { kind: "port", value: Number(value), negated };
    }
    return { kind: field as "name" | "node" | "proto", value, negated };
  }

  /** A selector, or null (and nothing taken) where what comes is none. */
  private labels(): Requirement[] | null {
    const before = this.at;
    const requirements: Requirement[] = [];
    do {
      if (requirements.length > 0) this.spaces();
      const requirement = this.requirement(requirements.length > 0);
      if (requirement === null) {
        if (requirements.length > 0) this.fail("expected a label's requirement, as tier=db", this.at);
        this.at = before;
        return null;
      }
      requirements.push(requirement);
    } while (this.take(","));
    if (this.at < this.text.length && !/\s/.test(this.text[this.at] ?? "")) this.fail("expected a space or a comma", this.at);
    return requirements;
  }

  private requirement(follows: boolean): Requirement | null {
    // Alone, `!key` is a condition of its own; here it is one of several.
    const absent = (follows ? /^!([\w./-]+)(?=[\s,]|$)/ : /^!([\w./-]+)(?=,)/).exec(this.rest());
    if (absent?.[1] !== undefined) {
      this.at += absent[0].length;
      return { op: "absent", key: absent[1] };
    }
    const key = KEY.exec(this.rest())?.[0];
    if (key === undefined) return null;
    const after = this.rest().slice(key.length);
    const sign = /^(!=|==|=)/.exec(after)?.[0];
    if (sign !== undefined) {
      this.at += key.length + sign.length;
      return { op: sign === "!=" ? "!=" : "=", key, value: this.word(",") };
    }
    const set = /^\s+(in|notin)\s*\(/.exec(after);
    if (set === null) return null;
    this.at += key.length + set[0].length;
    return { op: set[1] as "in" | "notin", key, values: this.values() };
  }

  private values(): string[] {
    const values: string[] = [];
    do {
      this.spaces();
      values.push(this.word(",)"));
      this.spaces();
    } while (this.take(","));
    if (!this.take(")")) this.fail("expected , or )", this.at);
    return values;
  }

  /** Up to a space or one of `stops`; quotes keep both. */
  private word(stops = ""): string {
    let word = "";
    while (this.at < this.text.length) {
      const char = this.text[this.at] ?? "";
      if (char === '"') word += this.quoted();
      else if (/\s/.test(char) || stops.includes(char)) break;
      else {
        word += char;
        this.at += 1;
      }
    }
    return word;
  }

  private quoted(): string {
    const start = this.at;
    let word = "";
    for (this.at += 1; this.at < this.text.length; this.at += 1) {
      const char = this.text[this.at];
      if (char === '"') {
        this.at += 1;
        return word;
      }
      if (char === "\\") this.at += 1;
      word += this.text[this.at] ?? "";
    }
    return this.fail("this quote is not closed", start);
  }

  private rest(): string {
    return this.text.slice(this.at);
  }

  private spaces(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at += 1;
  }

  private take(char: string): boolean {
    const there = this.text.startsWith(char, this.at);
    if (there) this.at += char.length;
    return there;
  }

  private fail(message: string, position: number): never {
    throw new FilterError(message, position);
  }
}

/** An address or CIDR network, or null. IPv6 is checked for its characters only: the server decides. */
export function parseNetwork(text: string): { address: string; prefix: number } | null {
  const [address = "", bits, more] = text.split("/");
  const most = IPV4.test(address) ? 32 : /^[0-9a-f:.]*$/i.test(address) && address.split(":").length > 2 ? 128 : 0;
  if (most === 0 || more !== undefined) return null;
  if (bits === undefined) return { address, prefix: most };
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? { address, prefix: Number(bits) } : null;
}

/** A value as a filter takes it: quoted where it must be. */
export function quote(value: string): string {
  return /^[A-Za-z0-9._/:-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** The filter with a term added; the same where it holds the term already. */
export function addTerm(filter: string, term: string): string {
  const trimmed = filter.trim();
  return termTexts(trimmed).includes(term) ? trimmed : `${trimmed} ${term}`.trim();
}

/** Every term as it was written; one text where the filter can't be parsed. */
export function termTexts(filter: string): string[] {
  try {
    return parseFilter(filter).map(({ start, end }) => filter.slice(start, end));
  } catch {
    return filter.trim() === "" ? [] : [filter.trim()];
  }
}
